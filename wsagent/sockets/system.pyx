"""
The calls of the system, on file descriptors that do not block.

Compiled, this is in the place of system.py, which explains it.
"""

from cpython.buffer cimport (
    PyBUF_SIMPLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.exc cimport PyErr_SetFromErrno
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_RawFree, PyMem_RawMalloc
from cpython.object cimport PyObject
from wsagent.core.masking cimport octetsAt

from libc.errno cimport EAGAIN, EINTR, ENOBUFS, errno
from libc.string cimport memset

cdef extern from "Python.h":
    ctypedef struct PyBytesObject:
        Py_hash_t ob_shash

    # Of what is not counted once more for the call.
    Py_ssize_t Py_REFCNT(PyObject *o)
    Py_ssize_t Py_SIZE(PyObject *o)
    void Py_SET_SIZE(object o, Py_ssize_t size)

cdef extern from "system.h" nogil:
    ctypedef union epoll_data_t:
        int fd

    struct epoll_event:
        unsigned int events
        epoll_data_t data

    int epoll_wait(int epfd, epoll_event *events, int maxevents, int timeout)

    struct iovec:
        void *iov_base
        size_t iov_len

    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen

    enum:
        MSG_NOSIGNAL

    Py_ssize_t recv(int fd, void *area, size_t length, int flags)
    Py_ssize_t c_send "send"(int fd, const void *data, size_t length, int flags)
    Py_ssize_t sendmsg(int fd, const msghdr *message, int flags)

AREA = 262_144
BATCH = 512

cdef enum:
    _AREA = 262_144
    _BATCH = 512
    _SMALL = 512

# Until it has once seen as much freed, glibc takes memory from the system for
# each large message and gives it back: its pages cost more than the message.
PyMem_RawFree(PyMem_RawMalloc(16 * 1024 * 1024))

# What was received last.  It is used again unless somebody has kept it.
cdef bytes _area = b""


cdef class Batch:
    """Some descriptors that are ready, and for what."""

    def __cinit__(self):
        """There are none yet."""
        self._area = PyMem_Malloc(_BATCH * sizeof(epoll_event))
        if self._area is NULL:
            raise MemoryError
        self._count = 0

    def __dealloc__(self):
        """Give the memory back."""
        PyMem_Free(self._area)

    cpdef int take(self, epoll, int most) except -1:
        """Ask for what is ready, and do not wait for it."""
        cdef int count = epoll_wait(
            epoll.fileno(), <epoll_event *>self._area, min(most, _BATCH), 0
        )
        if count < 0:
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            count = 0
        self._count = count
        return count

    cpdef int descriptor(self, int index) except -1:
        """Give a descriptor that is ready."""
        if not 0 <= index < self._count:
            raise IndexError(index)
        return (<epoll_event *>self._area)[index].data.fd

    cpdef int events(self, int index) except -1:
        """Give what it is ready for."""
        if not 0 <= index < self._count:
            raise IndexError(index)
        return <int>(<epoll_event *>self._area)[index].events


cpdef bytes receive(int descriptor):
    """Receive what is there."""
    global _area
    cdef PyObject *area = <PyObject *>_area
    if Py_SIZE(area) == 0 or Py_REFCNT(area) > 1:
        _area = PyBytes_FromStringAndSize(NULL, _AREA)
    cdef char *octets = PyBytes_AS_STRING(_area)
    cdef Py_ssize_t length = recv(descriptor, octets, _AREA, 0)
    if length < 0:
        if errno != EAGAIN and errno != EINTR:
            PyErr_SetFromErrno(OSError)
        return None
    if length < _SMALL:
        return PyBytes_FromStringAndSize(octets, length)
    # Nobody else has it: it is as if it were new.
    octets[length] = 0
    Py_SET_SIZE(_area, length)
    (<PyBytesObject *>_area).ob_shash = -1
    return _area


cdef inline Py_ssize_t _sent(Py_ssize_t length) except -1:
    """Tell a full socket, or a full system, from a connection that is lost."""
    if length < 0:
        if errno != EAGAIN and errno != EINTR and errno != ENOBUFS:
            PyErr_SetFromErrno(OSError)
        return 0
    return length


cpdef Py_ssize_t send(int descriptor, data) except -1:
    """Send as much as there is room for."""
    cdef Py_buffer view
    if PyBytes_CheckExact(data):
        return _sent(
            c_send(
                descriptor, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), MSG_NOSIGNAL
            )
        )
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    cdef Py_ssize_t length = c_send(descriptor, view.buf, view.len, MSG_NOSIGNAL)
    PyBuffer_Release(&view)
    return _sent(length)


cpdef Py_ssize_t sendBoth(int descriptor, bytes header, payload) except -1:
    """Send a header and what follows, as much as there is room for."""
    cdef iovec parts[2]
    cdef msghdr message
    memset(&message, 0, sizeof(message))
    parts[0].iov_base = <void *>PyBytes_AS_STRING(header)
    parts[0].iov_len = PyBytes_GET_SIZE(header)
    parts[1].iov_base = <void *>octetsAt(payload)
    parts[1].iov_len = len(payload)
    message.msg_iov = parts
    message.msg_iovlen = 2
    return _sent(sendmsg(descriptor, &message, MSG_NOSIGNAL))
