/* The floor in C: what no sender of Web Push can leave out for a message, a P-256 key pair and an ECDH with it. */
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double wall_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void agree(EVP_PKEY *peer) {
    unsigned char secret[32];
    size_t length = sizeof secret;
    EVP_PKEY *own = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
    if (own == NULL || EVP_PKEY_derive_init(context) != 1 || EVP_PKEY_derive_set_peer(context, peer) != 1 ||
        EVP_PKEY_derive(context, secret, &length) != 1) {
        exit(1);
    }
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(own);
}

int main(int count, char **arguments) {
    if (count < 2 || strcmp(arguments[1], "version") == 0) {
        puts(OpenSSL_version(OPENSSL_VERSION_STRING));
        return 0;
    }
    long messages = atol(arguments[1]);
    EVP_PKEY *peer = EVP_EC_gen("P-256");
    for (long number = 0; number < messages / 10; number++) {
        agree(peer);
    }
    double cpu = cpu_seconds(), wall = wall_seconds();
    for (long number = 0; number < messages; number++) {
        agree(peer);
    }
    printf("{\"messages\": %ld, \"cpu\": %f, \"wall\": %f}\n", messages, cpu_seconds() - cpu, wall_seconds() - wall);
    return 0;
}
