/* What the next byte may depend on: bytes before it, the word, the line, the line above.
 *
 *   bytes --mix_text_after--> words and lines     for every byte, bypassed ones too
 *         --mix_hashes-->     one hash for each context of the level, only where a byte is mixed
 */
#ifndef UC_MIX_CONTEXT_H
#define UC_MIX_CONTEXT_H

#include "mix_model.h"

typedef struct {
    uint32_t word;       /* hash of the word so far, 0 between words */
    uint32_t word_before;
    uint32_t line;       /* hash of the line so far */
    uint32_t line_start; /* hash of its first four bytes */
    uint32_t indent;     /* white space it starts with */
    uint32_t line_at, above_at;
} mix_text;

static UC_INLINE uint32_t mix_mash(uint32_t v)
{
    v *= 0x9E3779B1u;
    v ^= v >> 15;
    v *= 0x85EBCA6Bu;
    return v ^ v >> 13;
}

static inline void mix_text_start(mix_text *t, uint32_t at)
{
    memset(t, 0, sizeof *t);
    t->line_at = t->above_at = at;
}

static UC_INLINE int mix_in_word(unsigned byte)
{
    return byte >= 128 || (byte | 32) - 'a' < 26u || byte - '0' < 10u || byte == '_';
}

/* `at`: the place behind the byte. */
static UC_INLINE void mix_text_after(mix_text *t, unsigned byte, uint32_t at)
{
    if (mix_in_word(byte)) {
        t->word = (t->word + byte + 1) * 0x2F0B4C47u;
        t->word ^= t->word >> 15;
    } else if (t->word) {
        t->word_before = t->word;
        t->word = 0;
    }
    if (byte == '\n') {
        t->above_at = t->line_at;
        t->line_at = at;
        t->line = t->line_start = t->indent = 0;
    } else {
        if (at - t->line_at <= 4) {
            t->line_start = t->line_start * 0x2F0B4C47u + byte + 1;
        }
        t->line = (t->line + byte + 1) * 0x3D4D51CBu;
        t->line ^= t->line >> 13;
        t->indent += byte <= 32 && t->indent == at - t->line_at - 1;
    }
}

/* The byte above, in the line before; 0 where that is shorter. */
static UC_INLINE uint32_t mix_above(const mix_text *t, const uint8_t *window, uint32_t at)
{
    uint32_t column = at - t->line_at;
    return column < t->line_at - t->above_at ? window[t->above_at + column] : 0;
}

static UC_INLINE uint32_t mix_context(int kind, const mix_text *t, uint32_t last, uint32_t older,
                                      uint32_t above)
{
    switch (kind) {
    case MIX_ORDER_1: return last >> 24;
    case MIX_ORDER_2: return last >> 16;
    case MIX_ORDER_3: return last >> 8;
    case MIX_ORDER_4: return last;
    case MIX_ORDER_5: return mix_mash(last) + (older >> 24);
    case MIX_ORDER_6: return mix_mash(last) + (older >> 16);
    case MIX_WORD: return t->word;
    case MIX_WORDS: return t->word + t->word_before * 0x1F123BB5u;
    case MIX_WORD_ABOVE: return t->word + above * 0x3D4D51CBu;
    case MIX_LINE_START: return t->line_start * 3;
    case MIX_LINE: return t->line;
    default: return t->indent << 16 | above;
    }
}

/* `window + at` has at least 8 bytes before it. */
static UC_INLINE void mix_hashes(uint32_t *hash, const mix_shape *const shape, const mix_text *t,
                                 const uint8_t *window, uint32_t at, int flat)
{
    uint32_t last = uc_load_le32(window + at - 4), older = uc_load_le32(window + at - 8);
    uint32_t above = mix_above(t, window, at), base = (last >> 24) * 0xC2B2AE35u + (flat ? 0x27D4EB2Fu : 0);
    int k;
    UC_UNROLL
    for (k = 0; k < shape->contexts; k++) {
        uint32_t own = mix_context(shape->kinds[k], t, last, older, above);
        hash[k] = mix_mash(own + base + (uint32_t)(k + 1) * 0x61C88647u);
    }
}

#endif
