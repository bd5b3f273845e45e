/* The match: an earlier place with the same bytes before it. Found alike on both sides, so that
 * no offset is ever coded.
 *
 *   places[0]   last place with the same 5 bytes before it     asked while fewer than 16 agree
 *   places[1]   last place with the same 24 (16 of them)
 *   a place     24 bits, and a mark of 8: hardly any other place is ever compared
 *
 * After a wrong byte the match goes on behind it for 8 bytes, unless a better one is found.
 */
#ifndef UC_MIX_MATCH_H
#define UC_MIX_MATCH_H

#include "mix_model.h"

#define MIX_MATCH_SHORT 5
#define MIX_MATCH_LONG 24
#define MIX_SETTLED 16
#define MIX_COMPARED 40
#define MIX_AGREED_MOST 65535
#define MIX_MISSES 8
#define MIX_LINE_BITS 4 /* places in a line of the cache */
#define MIX_PAD 64 /* zeros before the window: what is compared or hashed may begin there */

typedef struct {
    uint32_t at;     /* the next byte's forerunner; 0: none */
    uint32_t agreed; /* bytes before it that are the same, as far as known */
    uint32_t misses; /* wrong bytes since it last agreed for long */
    unsigned is_long;
    uint32_t line[2]; /* of the two tables, fetched a byte ahead */
    uint32_t mark[2]; /* what a place there must have noted, less the byte itself */
} mix_match;

/* 0 .. 26 */
static UC_INLINE unsigned mix_length_class(uint32_t n)
{
    if (n < 32) {
        return n < 16 ? n : 16 + ((n - 16) >> 2);
    }
    return n < 64 ? 20 + ((n - 32) >> 4) : n < 512 ? 22 + ((n - 64) >> 7) : 26;
}

/* How many bytes before a and b are the same, at most MIX_COMPARED. */
static UC_INLINE uint32_t mix_equal_before(const uint8_t *a, const uint8_t *b)
{
    uint32_t n = 0;
    while (n < MIX_COMPARED) {
        uint64_t other;
        a -= 8;
        b -= 8;
        other = uc_load_le64(a) ^ uc_load_le64(b);
        if (other) {
            return n + (uint32_t)uc_leading_zeros64(other) / 8;
        }
        n += 8;
    }
    return n;
}

static UC_INLINE void mix_match_try(mix_model *m, mix_match *match, const uint8_t *window, unsigned byte,
                                    uint32_t at, const unsigned table)
{
    uint32_t within = byte * 0x9E3779B1u >> (32 - MIX_LINE_BITS), mark = (match->mark[table] + byte) << 24;
    uint32_t *entry = m->places + ((size_t)table << MIX_PLACE_BITS) + match->line[table] + within;
    uint32_t place = *entry & 0xFFFFFF, n;
    if (match->agreed < MIX_SETTLED && place && place != match->at && (*entry ^ mark) >> 24 == 0) {
        n = mix_equal_before(window + place, window + at);
        if (n >= (table ? MIX_MATCH_LONG : MIX_MATCH_SHORT) && n > match->agreed) {
            match->at = place;
            match->agreed = n;
            match->misses = 0;
            match->is_long = table;
        }
    }
    *entry = at | mark;
    if (UC_UNLIKELY(m->undo.noting)) {
        mix_note(m, entry);
    }
}

static UC_INLINE void mix_match_line(mix_model *m, mix_match *match, const unsigned table, uint64_t hash)
{
    match->line[table] = (uint32_t)(hash >> (64 + MIX_LINE_BITS - MIX_PLACE_BITS)) << MIX_LINE_BITS;
    match->mark[table] = (uint32_t)(hash >> 32);
    UC_PREFETCH(m->places + ((size_t)table << MIX_PLACE_BITS) + match->line[table]);
}

/* The lines for what follows the bytes before `at`: 4 and 23 of them, the byte itself picks a place. */
static UC_INLINE void mix_match_ahead(mix_model *m, mix_match *match, const uint8_t *window, uint32_t at)
{
    uint64_t near = uc_load_le64(window + at - 8), far = uc_load_le64(window + at - MIX_MATCH_LONG + 1);
    mix_match_line(m, match, 0, (near >> 32) * 0x9E3779B97F4A7C15u);
    mix_match_line(m, match, 1, (far * 0x9E3779B97F4A7C15u + near) * 0xD6E8FEB86659FD93u);
}

/* `at`: the place behind `byte`. */
static UC_INLINE void mix_match_after(mix_model *m, mix_match *match, const uint8_t *window, unsigned byte,
                                      uint32_t at)
{
    if (match->at && window[match->at] == byte) {
        match->at++;
        match->agreed += match->agreed < MIX_AGREED_MOST;
        match->misses = match->agreed >= MIX_SETTLED ? 0 : match->misses;
    } else {
        match->agreed = 0;
        match->misses++;
        match->at = match->at && match->misses <= MIX_MISSES ? match->at + 1 : 0;
        match->misses = match->at ? match->misses : 0;
    }
    mix_match_try(m, match, window, byte, at, 0);
    mix_match_try(m, match, window, byte, at, 1);
    mix_match_ahead(m, match, window, at);
}

#endif
