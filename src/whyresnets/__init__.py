"""Executable reproductions of the claims about why residual networks train."""

__version__ = "0.2.0.dev2"
