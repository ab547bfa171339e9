/* What the lane needs of Linux; elsewhere it compiles, and nobody calls it. */

#include <sys/socket.h>
#include <sys/uio.h>

#ifdef __linux__
#include <sys/epoll.h>
#else
#include <errno.h>
#define MSG_NOSIGNAL 0
typedef union { int fd; } epoll_data_t;
struct epoll_event { unsigned int events; epoll_data_t data; };
static inline int
epoll_wait(int epfd, struct epoll_event *events, int most, int timeout)
{
    (void)epfd; (void)events; (void)most; (void)timeout;
    errno = ENOSYS;
    return -1;
}
#endif
