"""
Masking: what a client does to every payload that it sends.

Compiled, this is in the place of masking.py, which explains it.
"""

import os

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    _PyBytes_Resize,
)
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.unicode cimport PyUnicode_AsASCIIString, PyUnicode_AsUTF8String

from libc.string cimport memcpy

cdef extern from "masking.h" nogil:
    void wsagent_mask(
        unsigned char *target,
        const unsigned char *source,
        size_t length,
        const unsigned char *key,
    )
    bint wsagent_isASCII(const unsigned char *octets, size_t length)

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t length, Py_UCS4 most)
    bint PyUnicode_IS_ASCII(object text)
    void *PyUnicode_DATA(object text)
    str PyUnicode_DecodeUTF8(const char *octets, Py_ssize_t length, const char *errors)

_POOL_SIZE = 256

cdef enum:
    _STEP = 131_072

Payload = bytes | str

_pool = []

getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_pool.clear)


cdef inline bytes _masked(const unsigned char *source, Py_ssize_t length,
                          const unsigned char *key):
    """XOR octets with four of a key, repeated, into a new object."""
    masked = PyBytes_FromStringAndSize(NULL, length)
    cdef unsigned char *target = masked
    wsagent_mask(target, source, length, key)
    return masked


cpdef bytes applyMask(bytes payload, bytes key):
    """XOR a payload with a masking key, repeated."""
    if len(key) != 4:
        raise ValueError(f"{len(key)} octets of masking key, needed 4")
    return _masked(payload, len(payload), key)


cpdef bytes payloadAt(bytes data, Py_ssize_t start, Py_ssize_t stop, bint isMasked):
    """Take a payload out of a segment."""
    cdef const char *octets = data
    if not (4 if isMasked else 0) <= start <= stop <= len(data):
        raise IndexError(f"{start}:{stop} of {len(data)} octets")
    if not isMasked:
        return PyBytes_FromStringAndSize(octets + start, stop - start)
    cdef const unsigned char *payload = <const unsigned char *>octets + start
    return _masked(payload, stop - start, payload - 4)


cpdef str textAt(bytes data, Py_ssize_t start, Py_ssize_t stop, bint isMasked):
    """Take a payload out of a segment, and decode it."""
    cdef const unsigned char *octets = data
    if not (4 if isMasked else 0) <= start <= stop <= len(data):
        raise IndexError(f"{start}:{stop} of {len(data)} octets")
    cdef Py_ssize_t length = stop - start
    if length == 0:
        return ""
    # Most text is ASCII: it is unmasked to where it stays.
    text = PyUnicode_New(length, 127)
    cdef unsigned char *target = <unsigned char *>PyUnicode_DATA(text)
    if isMasked:
        wsagent_mask(target, octets + start, length, octets + start - 4)
    else:
        memcpy(target, octets + start, length)
    if wsagent_isASCII(target, length):
        return text
    return PyUnicode_DecodeUTF8(<char *>target, length, NULL)


cdef const unsigned char *octetsAt(payload) except NULL:
    """Find the octets of a payload."""
    if PyBytes_CheckExact(payload):
        return <const unsigned char *>PyBytes_AS_STRING(payload)
    if isinstance(payload, str) and PyUnicode_IS_ASCII(payload):
        return <const unsigned char *>PyUnicode_DATA(payload)
    raise TypeError(f"payload is {type(payload).__name__}, needed bytes or ASCII")


cdef inline Py_ssize_t _frameLength(bytes header, payload, bytes key) except -1:
    """Say how long a frame is."""
    if len(key) not in (0, 4):
        raise ValueError(f"{len(key)} octets of masking key, needed 4")
    return len(header) + len(key) + len(payload)


cdef inline int _join(unsigned char *octets, bytes header, payload, bytes key) except -1:
    """Put a frame together where there is room for it."""
    cdef const unsigned char *source = octetsAt(payload)
    cdef Py_ssize_t start = len(header)
    cdef Py_ssize_t length = len(payload)
    memcpy(octets, <const unsigned char *>header, start)
    if len(key):
        memcpy(octets + start, <const unsigned char *>key, 4)
        wsagent_mask(octets + start + 4, source, length, key)
    else:
        memcpy(octets + start, source, length)
    return 0


cpdef bytes joined(bytes header, payload, bytes key):
    """Put a frame together, in one go."""
    if len(payload) == 0 and len(key) == 0:
        return header
    frame = PyBytes_FromStringAndSize(NULL, _frameLength(header, payload, key))
    _join(frame, header, payload, key)
    return frame


cdef class Cork:
    """Frames that leave together."""

    def __dealloc__(self):
        """Give the memory back."""
        PyMem_Free(self._octets)

    def __len__(self):
        """Tell how many octets there are."""
        return self._length

    def __getbuffer__(self, Py_buffer *view, int flags):
        """Show the octets; whoever looks does not keep them."""
        PyBuffer_FillInfo(view, self, self._octets, self._length, 1, flags)

    cpdef Py_ssize_t add(self, bytes header, payload, bytes key) except -1:
        """Take a frame in."""
        cdef Py_ssize_t needed = self._length + _frameLength(header, payload, key)
        cdef void *grown
        if needed > self._room:
            grown = PyMem_Realloc(self._octets, 2 * needed)
            if grown is NULL:
                raise MemoryError
            self._octets = <unsigned char *>grown
            self._room = 2 * needed
        _join(self._octets + self._length, header, payload, key)
        self._length = needed
        return needed

    cpdef clear(self):
        """Be empty."""
        self._length = 0


cpdef bytes encoded(text):
    """Encode what must be text as UTF-8."""
    if not isinstance(text, str):
        raise TypeError(f"text is {type(text).__name__}, needed str")
    return PyUnicode_AsUTF8String(text)


cpdef payloadOf(text):
    """Give what a text message has as payload."""
    if isinstance(text, str) and PyUnicode_IS_ASCII(text):
        return text
    return encoded(text)


cpdef bytes octetsOf(payload):
    """Give the octets of a payload."""
    if isinstance(payload, str):
        return PyUnicode_AsASCIIString(payload)
    return payload


cdef class Gathering:
    """Octets that are put together as they come, unmasked on their way."""

    def __init__(self):
        """There are none yet."""
        self._octets = b""
        self._length = 0

    cpdef append(self, bytes data, Py_ssize_t length, bytes key, long long most):
        """Take the first octets of a segment."""
        cdef Py_ssize_t needed = self._length + length
        cdef Py_ssize_t roomy = needed + max(needed >> 3, min(needed, _STEP))
        cdef unsigned char *octets
        if not 0 <= length <= len(data) or len(key) not in (0, 4):
            raise ValueError(f"{length} of {len(data)} octets, {len(key)} of key")
        if needed > len(self._octets):
            # To grow is to copy: when half has come, the rest is believed.
            if 2 * needed >= most > needed:
                roomy = most
            elif most > needed:
                roomy = min(roomy, most)
            elif self._length == 0:
                roomy = needed
            self._resize(roomy)
        octets = self._octets
        if key:
            wsagent_mask(octets + self._length, data, length, key)
        else:
            memcpy(octets + self._length, <const unsigned char *>data, length)
        self._length = needed

    cpdef bytes octets(self):
        """Give what came."""
        if self._length != len(self._octets):
            self._resize(self._length)
        return self._octets

    cdef _resize(self, Py_ssize_t size):
        """Have room for so many octets; those that were given away stay as they are."""
        cdef PyObject *octets = <PyObject *>self._octets
        if octets.ob_refcnt > 1:
            grown = PyBytes_FromStringAndSize(NULL, size)
            memcpy(
                <unsigned char *>grown,
                <const unsigned char *>self._octets,
                self._length,
            )
            self._octets = grown
            return
        Py_INCREF(self._octets)
        self._octets = b""
        _PyBytes_Resize(&octets, size)
        self._octets = <bytes>octets
        Py_DECREF(self._octets)


cpdef bytes newKey():
    """Make a masking key that no observer can guess, and that is used once."""
    try:
        return _pool.pop()
    except IndexError:
        octets = os.urandom(4 * _POOL_SIZE)
        _pool.extend([octets[i : i + 4] for i in range(4, len(octets), 4)])
        return octets[:4]
