cpdef bytes applyMask(bytes payload, bytes key)
cpdef bytes newKey()
cpdef bytes payloadAt(
    bytes data, Py_ssize_t start, Py_ssize_t stop, bint isMasked
)
cpdef str textAt(bytes data, Py_ssize_t start, Py_ssize_t stop, bint isMasked)
cpdef bytes joined(bytes header, payload, bytes key)
cpdef bytes encoded(text)
cpdef payloadOf(text)
cpdef bytes octetsOf(payload)
cdef const unsigned char *octetsAt(payload) except NULL


cdef class Cork:
    cdef unsigned char *_octets
    cdef Py_ssize_t _room
    cdef Py_ssize_t _length

    cpdef Py_ssize_t add(self, bytes header, payload, bytes key) except -1
    cpdef clear(self)


cdef class Gathering:
    cdef bytes _octets
    cdef Py_ssize_t _length

    cpdef append(self, bytes data, Py_ssize_t length, bytes key, long long most)
    cpdef bytes octets(self)
    cdef _resize(self, Py_ssize_t size)
