/* Optimal parse (levels 5, 6): the cheapest path of tokens through the next positions.
 *
 *   node[i]  price of the cheapest way to position i, and its last step
 *
 *   visit i:  take over the context of the step that won
 *             literal            -> i + 1
 *             short, repeats     -> i + 1 .. i + length
 *             matches            -> i + 2 .. i + length, nearest offset for each length
 *             each of them at full length + literal + repeat     -> beyond
 *
 * Forward dynamic programming over prices frozen at the segment's start (Pavlov's LZMA; one
 * arrival a position). A segment ends where every path meets, after LZ_SEGMENT positions, or
 * at a match so long that nothing could beat it.
 */
#ifndef UC_LZ_OPTIMAL_H
#define UC_LZ_OPTIMAL_H

#include "lz_encoder.h"

#define LZ_FAR 0xFFFFFFFFu
#define LZ_REFRESH 2048 /* bytes coded before prices are read anew */

typedef struct {
    lz_encoder *e;
    uint32_t start, last; /* position of node 0; highest node that has an arrival */
} lz_path;

/* Makes nodes up to `at` known, without an arrival yet. */
static UC_INLINE void lz_reach(lz_path *path, uint32_t at)
{
    while (path->last < at) {
        path->e->nodes[++path->last].price = LZ_FAR;
    }
}

static UC_INLINE void lz_arrive(lz_node *n, uint32_t price, unsigned kind, uint32_t length, uint32_t value,
                                uint32_t tail)
{
    if (price < n->price) {
        n->price = price;
        n->kind = kind;
        n->length = length;
        n->value = value;
        n->tail = tail;
    }
}

static UC_INLINE void lz_step(lz_context *c, unsigned kind, uint32_t value)
{
    if (kind == LZ_MATCH) {
        lz_context_enter(c, value);
    } else if (kind == LZ_REPEAT) {
        lz_context_touch(c, value);
    }
    lz_context_push(c, kind);
}

/* The context after arriving at node i. */
static UC_INLINE void lz_take_over(lz_node *nodes, uint32_t i)
{
    lz_node *n = &nodes[i];
    uint32_t from = i - n->length - (n->tail ? n->tail + 1 : 0);
    n->context = nodes[from].context;
    lz_step(&n->context, n->kind, n->value);
    if (n->tail) {
        lz_context_push(&n->context, LZ_LITERAL);
        lz_context_push(&n->context, LZ_REPEAT);
    }
}

/* After a token of full length at `offset`: a literal, then the same offset again. */
static inline void lz_try_tail(lz_path *path, uint32_t i, uint32_t price, unsigned kind, uint32_t length,
                               uint32_t value, uint32_t offset)
{
    lz_encoder *e = path->e;
    uint32_t literal_at = path->start + i + length;
    uint32_t after = literal_at + 1;
    const uint8_t *here = e->window + literal_at;
    uint32_t limit, tail, history, position;
    if (after + 2 > e->end) {
        return;
    }
    limit = e->end - after < LZ_NICE_MOST ? e->end - after : LZ_NICE_MOST;
    tail = uc_match_length(here + 1, here + 1 - offset, limit);
    if (tail < 2) {
        return;
    }
    history = (e->nodes[i].context.history << 2 | kind) & (LZ_HISTORIES - 1);
    position = lz_position(e, literal_at);
    price += lz_price_bit(e->prices, &e->model->match[position][history], 0)
        + lz_price_literal(e->prices, e->model, history, offset, here, *here);
    history = history << 2 & (LZ_HISTORIES - 1);
    position = lz_position(e, after);
    price += lz_price_repeat(e->prices, e->model, history, position, 0)
        + lz_price_length(e->prices, e->model, 1, position, tail);
    lz_reach(path, i + length + 1 + tail);
    lz_arrive(&e->nodes[i + length + 1 + tail], price, kind, length, value, tail);
}

static inline void lz_try_single(lz_path *path, uint32_t i)
{
    lz_encoder *e = path->e;
    const lz_node *n = &e->nodes[i];
    const lz_context *c = &n->context;
    uint32_t at = path->start + i, position = lz_position(e, at);
    const uint8_t *here = e->window + at;
    const lz_counter *flag = &e->model->match[position][c->history];
    uint32_t price = n->price + lz_price_bit(e->prices, flag, 0)
        + lz_price_literal(e->prices, e->model, c->history, c->recent[0], here, *here);
    lz_reach(path, i + 1);
    lz_arrive(&e->nodes[i + 1], price, LZ_LITERAL, 1, 0, 0);
    if (c->recent[0] <= at && *here == here[-(ptrdiff_t)c->recent[0]]) {
        price = n->price + lz_price_bit(e->prices, flag, 1)
            + lz_price_bit(e->prices, &e->model->repeat[c->history], 1)
            + lz_price_bit(e->prices, &e->model->older[0][c->history], 0)
            + lz_price_bit(e->prices, &e->model->single[position][c->history], 0);
        lz_arrive(&e->nodes[i + 1], price, LZ_SHORT, 1, 0, 0);
    }
}

/* Returns the longest repeat of the last offset: shorter matches cannot be cheaper. */
static inline uint32_t lz_try_repeats(lz_path *path, uint32_t i, const uint32_t lengths[LZ_RECENT])
{
    lz_encoder *e = path->e;
    const lz_node *n = &e->nodes[i];
    uint32_t position = lz_position(e, path->start + i);
    const uint32_t *prices = e->prices->length[1][position];
    unsigned k;
    for (k = 0; k < LZ_RECENT; k++) {
        uint32_t price, length;
        if (lengths[k] < 2) {
            continue;
        }
        price = n->price + lz_price_repeat(e->prices, e->model, n->context.history, position, k);
        lz_reach(path, i + lengths[k]);
        for (length = 2; length <= lengths[k]; length++) {
            lz_arrive(&e->nodes[i + length], price + prices[length], LZ_REPEAT, length, k, 0);
        }
        length = lengths[k];
        lz_try_tail(path, i, price + prices[length], LZ_REPEAT, length, k, n->context.recent[k]);
    }
    return lengths[0];
}

static inline void lz_try_matches(lz_path *path, uint32_t i, const lz_match *matches, uint32_t count,
                                  uint32_t length)
{
    lz_encoder *e = path->e;
    const lz_node *n = &e->nodes[i];
    uint32_t position = lz_position(e, path->start + i), reach = path->start + i - e->past, k;
    const uint32_t *lengths = e->prices->length[0][position];
    uint32_t price = n->price + lz_price_bit(e->prices, &e->model->match[position][n->context.history], 1)
        + lz_price_bit(e->prices, &e->model->repeat[n->context.history], 0);
    if (count) {
        lz_reach(path, i + matches[count - 1].length);
    }
    for (k = 0; k < count; k++) {
        uint32_t offset = matches[k].offset, most = matches[k].length, far;
        if (length > most) {
            continue;
        }
        for (; length < 2 + LZ_OFFSET_CLASSES - 1 && length < most; length++) {
            far = lz_price_offset(e->prices, &e->shape, reach, length, offset);
            lz_arrive(&e->nodes[i + length], price + lengths[length] + far, LZ_MATCH, length, offset, 0);
        }
        far = price + lz_price_offset(e->prices, &e->shape, reach, length, offset);
        for (; length <= most; length++) {
            lz_arrive(&e->nodes[i + length], lengths[length] + far, LZ_MATCH, length, offset, 0);
        }
        lz_try_tail(path, i, lengths[most] + far, LZ_MATCH, most, offset, offset);
    }
}

/* Emits the path to node `at`, which it first writes forward over the nodes' `price`. */
static void lz_emit_path(lz_path *path, uint32_t at)
{
    lz_encoder *e = path->e;
    lz_node *nodes = e->nodes;
    uint32_t i = at;
    while (i > 0) {
        uint32_t from = i - nodes[i].length - (nodes[i].tail ? nodes[i].tail + 1 : 0);
        nodes[from].price = i;
        i = from;
    }
    while (i < at) {
        uint32_t next = nodes[i].price, p = path->start + i;
        const lz_node *n = &nodes[next];
        if (n->kind == LZ_LITERAL) {
            lz_emit_literal(e, p);
        } else if (n->kind == LZ_MATCH) {
            lz_emit_match(e, p, n->length, n->value);
        } else {
            lz_emit_repeat(e, p, n->length, n->value);
        }
        if (n->tail) {
            lz_emit_literal(e, p + n->length);
            lz_emit_repeat(e, p + n->length + 1, n->tail, 0);
        }
        i = next;
    }
}

/* A token so long that the parse stops for it; the finder has been asked at `position`. */
static uint32_t lz_emit_long(lz_encoder *e, uint32_t position, const lz_match *match, const uint32_t *lengths)
{
    uint32_t length = match ? match->length : 0, k;
    int index = -1;
    for (k = 0; k < LZ_RECENT; k++) {
        if (lengths[k] + 1 >= length && lengths[k] >= 2 && (index < 0 || lengths[k] > length)) {
            index = (int)k;
            length = lengths[k];
        }
    }
    if (index >= 0) {
        lz_emit_repeat(e, position, length, (unsigned)index);
    } else {
        lz_emit_match(e, position, length, match->offset);
    }
    for (k = 1; k < length; k++) {
        lz_skip(&e->finder, position + k);
    }
    return position + length;
}

/* One segment from `start`; returns where the next one begins. */
static uint32_t lz_parse_segment(lz_encoder *e, uint32_t start)
{
    lz_path path;
    uint32_t i;
    path.e = e;
    path.start = start;
    path.last = 0;
    e->nodes[0].price = 0;
    e->nodes[0].context = e->context;
    for (i = 0;; i++) {
        lz_match matches[LZ_MATCHES];
        uint32_t lengths[LZ_RECENT], position = start + i, count, room, k, longest;
        if (i > 0) {
            lz_take_over(e->nodes, i);
        }
        if (position == e->end || i >= LZ_SEGMENT || (i >= 1024 && i == path.last)) {
            lz_emit_path(&path, i);
            return position;
        }
        room = lz_room(e, position);
        count = lz_find(&e->finder, position, matches);
        longest = count ? matches[count - 1].length : 0;
        for (k = 0; k < LZ_RECENT; k++) {
            lengths[k] = lz_repeat_length(e, position, e->nodes[i].context.recent[k], room);
            longest = lengths[k] > longest ? lengths[k] : longest;
        }
        if (longest >= e->finder.effort.nice) {
            lz_emit_path(&path, i);
            return lz_emit_long(e, position, count ? &matches[count - 1] : NULL, lengths);
        }
        lz_try_single(&path, i);
        k = lz_try_repeats(&path, i, lengths) + 1;
        lz_try_matches(&path, i, matches, count, k < 2 ? 2 : k);
    }
}

static void lz_parse_optimal(lz_encoder *e)
{
    uint32_t position = e->past;
    e->stale = LZ_REFRESH;
    while (position < e->end && !e->rc.overflow) {
        if (e->stale >= LZ_REFRESH) {
            lz_prices_refresh(e->prices, e->model, &e->shape);
            e->stale = 0;
        }
        position = lz_parse_segment(e, position);
    }
}

#endif
