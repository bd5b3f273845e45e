/* Prices: what each decision costs now, in 1/64 bit, read from the live models.
 *
 * Tables of lengths and offsets are refreshed every few kilobytes; flags and literals are read
 * as they are. Integers only: prices choose tokens, and tokens are the archive's bytes.
 */
#ifndef UC_LZ_PRICES_H
#define UC_LZ_PRICES_H

#include "lz_block.h"
#include "lz_scene.h"

#define LZ_BIT_PRICE 64
#define LZ_PRICED 544        /* lengths below have a table; longer ones are never priced */
#define LZ_NEAR 128          /* offsets up to here have a whole price */

typedef struct {
    uint16_t bit[2048];      /* by p >> 5 */
    uint32_t length[2][LZ_LENGTH_KINDS][LZ_PRICED]; /* after a literal, after a copy */
    uint32_t slot[LZ_OFFSET_CLASSES][LZ_OFFSET_SLOTS];
    uint32_t near[LZ_OFFSET_CLASSES][LZ_NEAR];
    uint32_t align[1 << LZ_ALIGN_BITS];
    uint32_t page[1 << LZ_PAGE_BITS];
    uint32_t shortest;       /* the lowest price of any length */
} lz_prices;

/* -log2((2k + 1) / 4096), by repeated squaring. */
static inline void lz_prices_init(lz_prices *t)
{
    uint32_t k;
    for (k = 0; k < 2048; k++) {
        uint32_t value = 2 * k + 1;
        unsigned e = uc_log2(value), step;
        uint64_t m = (uint64_t)value << (31 - e);
        uint32_t log = e;
        for (step = 0; step < 6; step++) {
            m = m * m >> 31;
            log <<= 1;
            if (m >> 32) {
                m >>= 1;
                log |= 1;
            }
        }
        t->bit[k] = (uint16_t)(12 * LZ_BIT_PRICE - log);
    }
}

static UC_INLINE uint32_t lz_price_p0(const lz_prices *t, uint32_t p0, unsigned bit)
{
    return t->bit[(bit ? 65535 - p0 : p0) >> 5];
}

static UC_INLINE uint32_t lz_price_bit(const lz_prices *t, const lz_counter *c, unsigned bit)
{
    return lz_price_p0(t, lz_p0(c), bit);
}

static inline uint32_t lz_price_tree(const lz_prices *t, const lz_counter *tree, unsigned bits,
                                     uint32_t symbol)
{
    uint32_t price = 0;
    symbol |= 1u << bits;
    for (; symbol > 1; symbol >>= 1) {
        price += lz_price_bit(t, tree + (symbol >> 1), symbol & 1);
    }
    return price;
}

static inline uint32_t lz_price_reverse(const lz_prices *t, const lz_counter *tree, unsigned bits,
                                        uint32_t symbol)
{
    uint32_t price = 0, node = 1;
    while (bits-- > 0) {
        price += lz_price_bit(t, tree + node, symbol & 1);
        node = node << 1 | (symbol & 1);
        symbol >>= 1;
    }
    return price;
}

static UC_INLINE uint32_t lz_price_symbol(const lz_prices *t, const lz_symbol *m, unsigned value)
{
    return t->bit[(lz_symbol_bound(m, value + 1) - lz_symbol_bound(m, value)) >> 4];
}

static inline void lz_refresh_lengths(lz_prices *t, const lz_length_model *m, unsigned kind, unsigned after)
{
    uint32_t least = lz_least_length[kind], most = LZ_PRICED - least, v;
    uint32_t *prices = t->length[after][kind] + least;
    uint32_t longer = lz_price_symbol(t, &m->low[after], LZ_LONG);
    for (v = 0; v < LZ_LONG; v++) {
        prices[v] = lz_price_symbol(t, &m->low[after], v);
        t->shortest = prices[v] < t->shortest ? prices[v] : t->shortest;
    }
    t->shortest = longer < t->shortest ? longer : t->shortest;
    while (v < most) {
        uint32_t w = v + 16 - LZ_LONG, slot = lz_length_slot(w), next;
        unsigned direct = slot / 2;
        uint32_t price = longer + lz_price_symbol(t, &m->slot, slot)
            + lz_price_tree(t, m->extra[slot], 3, w >> direct & 7) + direct * LZ_BIT_PRICE;
        next = v + (1u << direct);
        for (; v < next && v < most; v++) {
            prices[v] = price;
        }
    }
}

static inline void lz_refresh_pages(lz_prices *t, const lz_model *m, const lz_shape *shape)
{
    uint32_t page;
    for (page = 0; page < 1 << LZ_PAGE_BITS; page++) {
        t->page[page] = lz_price_symbol(t, &m->page[0], page >> 4)
            + lz_price_symbol(t, &m->page[1 + (page >> 4)], page & 15) + shape->line_bits * LZ_BIT_PRICE;
    }
}

static inline void lz_prices_refresh(lz_prices *t, const lz_model *m, const lz_shape *shape)
{
    uint32_t k, v;
    t->shortest = ~(uint32_t)0;
    for (k = 0; k < LZ_LENGTH_KINDS; k++) {
        lz_refresh_lengths(t, &m->length[k], k, 0);
        lz_refresh_lengths(t, &m->length[k], k, 1);
    }
    for (k = 0; k < LZ_OFFSET_CLASSES; k++) {
        for (v = 0; v < LZ_OFFSET_SLOTS; v++) {
            t->slot[k][v] = lz_price_symbol(t, &m->offset[k].group, v >> 2)
                + lz_price_tree(t, m->offset[k].rest[v >> 2], 2, v & 3);
            if (v >= LZ_NEAR_SLOTS && v != LZ_PAST_SLOT) {
                t->slot[k][v] += (v / 2 - 1 - LZ_ALIGN_BITS) * LZ_BIT_PRICE;
            }
        }
    }
    for (v = 0; v < LZ_NEAR; v++) {
        uint32_t slot = lz_offset_slot(v);
        uint32_t price = 0;
        if (slot >= 4) {
            unsigned bits = slot / 2 - 1;
            price = lz_price_reverse(t, m->near[slot], bits, v & ((1u << bits) - 1));
        }
        for (k = 0; k < LZ_OFFSET_CLASSES; k++) {
            t->near[k][v] = t->slot[k][slot] + price;
        }
    }
    lz_refresh_pages(t, m, shape);
    for (v = 0; v < 1 << LZ_ALIGN_BITS; v++) {
        t->align[v] = lz_price_symbol(t, &m->align, v);
    }
}

static UC_INLINE uint32_t lz_price_offset(const lz_prices *t, const lz_shape *shape, uint32_t reach,
                                          uint32_t length, uint32_t offset)
{
    uint32_t v = offset - 1;
    uint32_t k = lz_offset_class(length);
    if (offset > reach) {
        return t->slot[k][LZ_PAST_SLOT] + t->page[(shape->past + reach - offset) >> shape->line_bits];
    }
    if (v < LZ_NEAR) {
        return t->near[k][v];
    }
    return t->slot[k][lz_offset_slot(v)] + t->align[v & ((1 << LZ_ALIGN_BITS) - 1)];
}

#endif
