"""`ekpay audit`: each module proves one part of the books from its rows alone."""
