cimport cython

from .wire cimport Wire


@cython.locals(wire=Wire)
cpdef sendTextMessage(self, text, compress=*)
