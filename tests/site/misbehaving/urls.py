"""What the site serves."""

from django.urls import include, path

from misbehaving import async_views, sync_views

urlpatterns = [
    path("aura/", include("aura_logging.django.urls")),
    path("plain", sync_views.plain),
    path("things/<int:number>/", sync_views.ClassBased.as_view()),
    path("echo", sync_views.echo),
    path("gone", sync_views.gone),
    path("boom", sync_views.boom),
    path("abort", sync_views.abort),
    path("slow", sync_views.slow),
    path("debugged", sync_views.debugged),
    path("redirect", sync_views.redirect),
    path("whoami", sync_views.whoami),
    path("sign-in", sync_views.sign_in),
    path("sign-out", sync_views.sign_out),
    path("token", sync_views.token),
    path("broken-user", sync_views.broken_user),
    path("threads", sync_views.threads),
    path("stream", sync_views.stream),
    path("stream-raises", sync_views.stream_raises),
    path("stream-endless", sync_views.stream_endless),
    path("file", sync_views.file),
    path("file-in-memory", sync_views.file_in_memory),
    path("hostile", sync_views.hostile),
    path("own-header", sync_views.own_header),
    path(
        "async/",
        include(
            [
                path("plain", async_views.plain),
                path("debugged", async_views.debugged),
                path("echo", async_views.echo),
                path("boom", async_views.boom),
                path("slow", async_views.slow),
                path("whoami", async_views.whoami),
                path("sign-in", async_views.sign_in),
                path("gather", async_views.gather),
                path("nest", async_views.nest),
                path("stream", async_views.stream),
                path("stream-raises", async_views.stream_raises),
                path("stream-endless", async_views.stream_endless),
                path("outlive", async_views.outlive),
            ]
        ),
    ),
]
