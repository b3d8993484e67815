/* forward FOLDER PORT...: takes TCP connections on each PORT and passes them to the Unix socket FOLDER/PORT.sock.
 *
 * It runs as the one program of an image that holds nothing else, so it uses no library: system calls alone. Two
 * processes serve a connection, one for each direction, so that neither waits for the other.
 */

typedef unsigned long word;

#if defined(__x86_64__)
enum { READ = 0, WRITE = 1, CLOSE = 3, RT_SIGACTION = 13, SOCKET = 41, CONNECT = 42, SHUTDOWN = 48, BIND = 49,
       LISTEN = 50, SETSOCKOPT = 54, CLONE = 56, EXIT_GROUP = 231, PPOLL = 271, ACCEPT4 = 288 };
__asm__(".globl _start\n_start: xor %ebp,%ebp\nmov %rsp,%rdi\nand $-16,%rsp\ncall begin\n");

static long call6(long n, word a, word b, word c, word d, word e, word f) {
    register word r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return n;
}
#elif defined(__aarch64__)
enum { READ = 63, WRITE = 64, CLOSE = 57, RT_SIGACTION = 134, SOCKET = 198, CONNECT = 203, SHUTDOWN = 210, BIND = 200,
       LISTEN = 201, SETSOCKOPT = 208, CLONE = 220, EXIT_GROUP = 94, PPOLL = 73, ACCEPT4 = 242 };
__asm__(".globl _start\n_start: mov x29,#0\nmov x0,sp\nbl begin\n");

static long call6(long n, word a, word b, word c, word d, word e, word f) {
    register word x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register word x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#else
#error "no system calls are written down for this processor"
#endif

#define call(n, a, b, c) call6(n, (word)(a), (word)(b), (word)(c), 0, 0, 0)

enum { AF_UNIX = 1, AF_INET = 2, SOCK_STREAM = 1, SOL_SOCKET = 1, SO_REUSEADDR = 2, IPPROTO_TCP = 6, TCP_NODELAY = 1,
       SHUT_WR = 1, SHUT_RDWR = 2, SIGPIPE = 13, SIGCHLD = 17, POLLIN = 1, MOST_PORTS = 1024, EINTR = 4 };

struct inet_address { unsigned short family, port; unsigned int host; char rest[8]; };
struct unix_address { unsigned short family; char path[108]; };
struct poll { int descriptor; short events, happened; };
struct action { void *handler; word flags; void *restorer; word mask; };

static struct poll listeners[MOST_PORTS];
static unsigned ports[MOST_PORTS];
static char buffer[1 << 16];

void *memcpy(void *to, const void *from, word count) { /* compilers call it by themselves */
    for (word i = 0; i < count; i++) ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

static void quit(int code) {
    for (;;) call(EXIT_GROUP, code, 0, 0);
}

static void fail(const char *text) {
    word length = 0;
    while (text[length]) length++;
    call(WRITE, 2, text, length);
    call(WRITE, 2, "\n", 1);
    quit(1);
}

static long spawn(void) {
    return call6(CLONE, SIGCHLD, 0, 0, 0, 0, 0);
}

static void ignore(int number) {
    struct action action = {(void *)1, 0, 0, 0};
    call6(RT_SIGACTION, number, (word)&action, 0, 8, 0, 0);
}

static unsigned number(const char *text) {
    unsigned value = 0;
    for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + (*text - '0');
    return value;
}

static int listen_on(unsigned port) {
    struct inet_address address = {AF_INET, (unsigned short)(port << 8 | port >> 8), 0, {0}};
    int on = 1, made = call(SOCKET, AF_INET, SOCK_STREAM, 0);
    call6(SETSOCKOPT, made, SOL_SOCKET, SO_REUSEADDR, (word)&on, sizeof on, 0);
    if (call(BIND, made, &address, sizeof address) < 0 || call(LISTEN, made, 128, 0) < 0) fail("a port cannot be had");
    return made;
}

static int connect_to(const char *folder, const char *port) {
    struct unix_address address = {AF_UNIX, {0}};
    const char *parts[] = {folder, "/", port, ".sock"};
    unsigned at = 0;
    for (int i = 0; i < 4; i++)
        for (const char *c = parts[i]; *c && at < sizeof address.path - 1; c++) address.path[at++] = *c;
    int made = call(SOCKET, AF_UNIX, SOCK_STREAM, 0);
    return call(CONNECT, made, &address, sizeof address) < 0 ? -1 : made;
}

static void pass(int from, int to) {
    long got;
    while ((got = call(READ, from, buffer, sizeof buffer)) > 0 || got == -EINTR)
        for (long at = 0, sent; at < got; at += sent)
            if ((sent = call(WRITE, to, buffer + at, got - at)) < 0) {
                if (sent != -EINTR) got = -1;
                sent = 0;
                if (got < 0) break;
            }
    if (got < 0) call(SHUTDOWN, from, SHUT_RDWR, 0);
    call(SHUTDOWN, to, got < 0 ? SHUT_RDWR : SHUT_WR, 0);
    quit(0);
}

static void serve(int client, const char *folder, const char *port) {
    int on = 1, server = connect_to(folder, port);
    if (server < 0) quit(0);
    call6(SETSOCKOPT, client, IPPROTO_TCP, TCP_NODELAY, (word)&on, sizeof on, 0);
    if (spawn()) pass(client, server);
    pass(server, client);
}

void begin(word *stack) {
    int count = (int)stack[0] - 2;
    char **arguments = (char **)(stack + 1);
    if (count < 0 || count > MOST_PORTS) fail("usage: forward FOLDER PORT...");
    ignore(SIGCHLD);
    ignore(SIGPIPE);
    for (int i = 0; i < count; i++) {
        ports[i] = number(arguments[i + 2]);
        listeners[i].descriptor = listen_on(ports[i]);
        listeners[i].events = POLLIN;
    }
    for (;;) {
        call6(PPOLL, (word)listeners, count, 0, 0, 8, 0);
        for (int i = 0; i < count; i++) {
            if (!(listeners[i].happened & POLLIN)) continue;
            int client = call6(ACCEPT4, listeners[i].descriptor, 0, 0, 0, 0, 0);
            if (client < 0) continue;
            if (!spawn()) {
                for (int j = 0; j < count; j++) call(CLOSE, listeners[j].descriptor, 0, 0);
                serve(client, arguments[1], arguments[i + 2]);
            }
            call(CLOSE, client, 0, 0);
        }
    }
}
