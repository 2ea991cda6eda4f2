"""How the demo serves the shop. There is no hook for logging in it: none is needed, preload or not."""

workers = 2
worker_class = "gthread"
threads = 4
preload_app = True  # the application is loaded once and forked: the hardest case for a logging thread
graceful_timeout = 15
control_socket_disable = True
