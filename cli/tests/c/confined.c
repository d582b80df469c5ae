// An HTTP/1.1 server over TLS that may do next to nothing: `confined FOLDER`, on port 8080 of 127.0.0.1, a connection at a
// time. FOLDER has `certificate.pem` and `key.pem`; `/sNNN/...` is answered with NNN.
//
// From when it listens, a system call that serving does not need kills it.

#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// What is used of libssl, so that its headers need not be installed.
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;
const SSL_METHOD *TLS_server_method(void);
SSL_CTX *SSL_CTX_new(const SSL_METHOD *);
int SSL_CTX_use_certificate_chain_file(SSL_CTX *, const char *);
int SSL_CTX_use_PrivateKey_file(SSL_CTX *, const char *, int type);
SSL *SSL_new(SSL_CTX *);
void SSL_free(SSL *);
int SSL_set_fd(SSL *, int);
int SSL_accept(SSL *);
int SSL_read(SSL *, void *, int);
int SSL_write(SSL *, const void *, int);
int SSL_shutdown(SSL *);

static const int allowed[] = {
    SYS_read,   SYS_write,    SYS_close,     SYS_accept, SYS_brk,    SYS_mmap,          SYS_munmap,
    SYS_mremap, SYS_madvise,  SYS_futex,     SYS_getpid, SYS_gettid, SYS_getrandom,     SYS_rt_sigreturn,
    SYS_exit,   SYS_mprotect, SYS_exit_group, SYS_clock_gettime,
};

static int confine(void) {
    enum { COUNT = sizeof allowed / sizeof *allowed };
    struct sock_filter filter[COUNT + 3];
    filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < COUNT; i++)
        filter[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], COUNT - i, 0);
    filter[COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    filter[COUNT + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = COUNT + 3, .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address))
        return -1;
    return listener;
}

static void answer(SSL *ssl) {
    char request[4096], response[256];
    int len;
    while ((len = SSL_read(ssl, request, sizeof request - 1)) > 0) {
        request[len] = 0;
        int status = 400;
        sscanf(request, "%*s /s%d/", &status);
        len = snprintf(response, sizeof response, "HTTP/1.1 %d Answer\r\nContent-Length: 2\r\n\r\nok", status);
        SSL_write(ssl, response, len);
    }
    SSL_shutdown(ssl);
}

int main(int count, char **arguments) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    int listener = listen_on(8080);
    if (count != 2 || chdir(arguments[1]) || SSL_CTX_use_certificate_chain_file(context, "certificate.pem") != 1 ||
        SSL_CTX_use_PrivateKey_file(context, "key.pem", 1) != 1 || listener < 0)
        return 1;
    if (listen(listener, 10) || confine())
        return 1;
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        SSL *ssl = SSL_new(context);
        SSL_set_fd(ssl, connection);
        if (SSL_accept(ssl) == 1)
            answer(ssl);
        SSL_free(ssl);
        close(connection);
    }
}
