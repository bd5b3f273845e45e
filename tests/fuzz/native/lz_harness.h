/* What the harnesses of the LZ codec share: a dictionary primed at once, and what a payload needs to be taught. */
#ifndef UC_FUZZ_LZ_HARNESS_H
#define UC_FUZZ_LZ_HARNESS_H

#include "harness.h"
#include "lz_decode.h"

static void fuzz_prime(lz_primed *primed, fuzz_bytes dictionary, int vector)
{
    lz_primed_begin(primed, vector);
    lz_primed_append(primed, dictionary.at, (uint32_t)dictionary.size);
}

/* As the package does before each payload; what a model holds is lost, what is kept of a reference is not. */
static void fuzz_teach(lz_coder *coder, const uint8_t *payload, size_t length)
{
    lz_primed *primed = (lz_primed *)coder->primed;
    int literals = lz_payload_literals(payload, length);
    if (!primed->taught[literals]) {
        lz_primed_teach(primed, literals, coder->model);
    }
}

#endif
