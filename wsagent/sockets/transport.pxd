cimport cython

from . cimport system


cdef class SegmentReceiver:
    cpdef dataReceived(self, bytes data)
    cpdef connectionLost(self, reason=*)


@cython.final
cdef class LaneTransport:
    cdef object _lane
    cdef object _socket
    cdef int _descriptor
    cdef SegmentReceiver _protocol
    cdef object _peer
    cdef object _connector
    cdef object _unsent
    cdef int _events
    cdef bint _isReading
    cdef bint _isWriting
    cdef bint _isReadEnded
    cdef bint _isWriteEnding
    cdef bint _isWriteEnded
    cdef bint _hasFailed
    cdef bint _isAborting
    cdef object _producer
    cdef bint _isStreaming
    cdef bint _isProducerPaused
    cdef readonly bint connected
    cdef readonly bint disconnecting
    cdef readonly bint disconnected
    cdef object __weakref__

    @cython.locals(sent=Py_ssize_t)
    cpdef write(self, data)

    @cython.locals(sent=Py_ssize_t)
    cpdef Py_ssize_t send(self, data) except -1

    @cython.locals(length=Py_ssize_t, sent=Py_ssize_t)
    cpdef Py_ssize_t sendBoth(self, bytes header, payload) except -1

    cpdef ready(self, int events)
    cpdef connectionLost(self, reason)

    @cython.locals(before=int, wanted=int)
    cdef _watch(self)

    @cython.locals(data=bytes)
    cdef _receive(self)

    cdef bint _maySend(self)
    cdef _fail(self)
    cdef _startWriting(self)
    cdef _awaitRoom(self)

    @cython.locals(sent=Py_ssize_t)
    cdef _sendOn(self)

    cdef _connected(self)
    cdef bint _isUNIX(self) except *
    cdef bint _hasOption(self, int level, int option) except *
    cdef _setOption(self, int level, int option, bint enabled)
