"""The till: customers, what they order, what it costs."""
