/*
 * load MODE --option=value ...
 *
 *   echo        keep messages in flight, verify each octet that comes back
 *   idle        open connections as standard input says, and hold them
 *   handshakes  open and close, one after the other
 *   bare        be the server
 *
 * What comes out is a line of JSON; what goes wrong is said in one line, with status 1.
 */

#include "load.h"

#include <signal.h>
#include <stdarg.h>
#include <time.h>

struct Options options = {
    .connections = 1,
    .inFlight = 1,
    .fragments = 1,
    .size = 32,
    .kind = "text",
    .seconds = 1,
    .warmup = 0.3,
};

_Noreturn void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, values);
    fprintf(stderr, "\n");
    va_end(values);
    exit(1);
}

uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* The clock of another process counts the slice that it runs in, which /proc does not. */
uint64_t spent(int pid) {
    struct timespec time;
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time))
        fail("process %d cannot be measured", pid);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

void beginWindow(struct Window *window) {
    window->cpu = options.pid ? spent(options.pid) : 0;
    window->own = spent(0);
    window->began = now();
}

void printWindow(const struct Window *window, uint64_t messages) {
    uint64_t cpu = options.pid ? spent(options.pid) - window->cpu : 0;
    uint64_t own = spent(0) - window->own;
    double elapsed = now() - window->began;
    printf("{\"messages\": %lu, \"seconds\": %.6f, \"cpu\": %.4f, \"rate\": %.1f, "
           "\"busy\": %.3f, \"loadBusy\": %.3f",
        (unsigned long)messages, elapsed / 1e9, cpu / 1e3 / messages,
        messages / elapsed * 1e9, cpu / elapsed, own / elapsed);
}

static const char *value(const char *argument, const char *name) {
    size_t length = strlen(name);
    if (strncmp(argument, "--", 2) || strncmp(argument + 2, name, length))
        return NULL;
    argument += 2 + length;
    return *argument == '=' ? argument + 1 : *argument ? NULL : argument;
}

static void readOption(const char *argument) {
    struct {
        const char *name;
        int *number;
    } numbers[] = {
        {"port", &options.port},
        {"pid", &options.pid},
        {"connections", &options.connections},
        {"in-flight", &options.inFlight},
        {"fragments", &options.fragments},
    };
    struct {
        const char *name;
        int *isOn;
    } switches[] = {
        {"deflate", &options.isDeflate},
        {"tls", &options.isTLS},
        {"broadcast", &options.isBroadcast},
        {"used", &options.isUsed},
    };
    const char *text;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if ((text = value(argument, numbers[i].name))) {
            *numbers[i].number = atoi(text);
            return;
        }
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (value(argument, switches[i].name)) {
            *switches[i].isOn = 1;
            return;
        }
    if ((text = value(argument, "size")))
        options.size = atol(text);
    else if ((text = value(argument, "kind")))
        options.kind = text;
    else if ((text = value(argument, "seconds")))
        options.seconds = atof(text);
    else if ((text = value(argument, "warmup")))
        options.warmup = atof(text);
    else
        fail("what is %s?", argument);
}

int main(int count, char **arguments) {
    struct {
        const char *name;
        void (*run)(void);
    } modes[] = {
        {"echo", runEcho},
        {"idle", runIdle},
        {"handshakes", runHandshakes},
        {"bare", runBare},
    };
    if (count < 2)
        fail("echo, idle, handshakes or bare?");
    options.mode = arguments[1];
    for (int i = 2; i < count; i++)
        readOption(arguments[i]);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(options.mode, modes[i].name)) {
            modes[i].run();
            return 0;
        }
    fail("what is %s?", options.mode);
}
