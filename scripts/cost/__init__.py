"""Compare what a month costs on Lambda and on its alternatives."""
