/* Coders of the mixing codec, made once: for each level, with the dictionary or none, and by each path.
 *
 * Compiled once for both harnesses: with sanitizers that takes minutes.
 */
#ifndef UC_FUZZ_MIX_CODERS_H
#define UC_FUZZ_MIX_CODERS_H

#include <stddef.h>
#include <stdint.h>

#define ROOM 4096 /* bytes of the largest block */

/* As mix_encode_block and mix_decode_block; `options`: level - 7, + 128 with the dictionary. */
size_t mix_encode(unsigned options, int vector, const uint8_t *data, size_t size, uint8_t *out);
int mix_decode(unsigned options, int vector, const uint8_t *payload, size_t length, uint32_t size,
               uint32_t first, uint8_t *out);

#endif
