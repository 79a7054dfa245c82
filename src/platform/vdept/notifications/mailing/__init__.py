"""E-mail: gather what is due for a person into one message, send it, and know when an address bounces."""
