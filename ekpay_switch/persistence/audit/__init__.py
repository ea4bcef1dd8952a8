"""`ekpay audit`: each module checks one part of the books from its rows alone."""
