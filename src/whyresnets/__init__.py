"""Executable reproductions of the claims about why residual networks train."""

__version__ = "0.1.0"
