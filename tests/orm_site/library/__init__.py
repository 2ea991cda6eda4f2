"""Books, who wrote them, who publishes them, and what people say: one model for each kind of relation."""
