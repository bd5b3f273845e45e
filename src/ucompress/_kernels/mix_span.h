/* A span of bytes: bypassed or mixed, one by one. A path file, see `mix_paths.h`. */

static UC_INLINE void MIX_PATH(span_of)(const int mode, const int level, uc_coding *rc, mix_model *m,
                                        const mix_fixed *f, uint8_t *window, uint32_t from, uint32_t to,
                                        int flat)
{
    const mix_shape *const shape = mix_shape_of(level);
    mix_match match;
    mix_text text;
    MIX_PATH(places) places;
    uint32_t at;
    int ready = 0; /* the hashes are made */
    memset(&match, 0, sizeof match);
    mix_match_ahead(m, &match, window, from);
    mix_text_start(&text, from);
    places.known = 0;
    for (at = from; at < to; at++) {
        unsigned byte = mode == UC_GET ? 0 : window[at];
        int missed = 0, bypassed = 0;
        mix_note_byte(m);
        if (match.agreed >= shape->bypass) {
            unsigned expected = window[match.at];
            missed = (int)mix_code_miss(mode, rc, m->core, &f->curves, &match, &text, window + at, expected,
                                        byte != expected);
            bypassed = !missed;
            byte = bypassed ? expected : byte;
            match.agreed = bypassed ? match.agreed : 0;
        }
        if (!bypassed) {
            if (!ready) {
                MIX_PATH(aim)(m, &places, shape, &text, window, at, flat);
            }
            byte = MIX_PATH(byte)(mode, shape, rc, m, f, &match, &places, window, at, flat, missed,
                                  byte);
        }
        window[at] = (uint8_t)byte;
        mix_text_after(&text, byte, at + 1);
        ready = match.agreed + 1 < shape->bypass;
        if (ready) {
            MIX_PATH(aim)(m, &places, shape, &text, window, at + 1, flat);
        }
        mix_match_after(m, &match, window, byte, at + 1);
    }
}

static UC_NOINLINE void MIX_PATH(span)(const int mode, uc_coding *rc, mix_model *m, const mix_fixed *f,
                                       int level, uint8_t *window, uint32_t from, uint32_t to, int flat)
{
#define MIX_SPAN(MODE, LEVEL) MIX_PATH(span_of)(MODE, LEVEL, rc, m, f, window, from, to, flat)
#define MIX_SPANS(MODE)                                                            \
    if (level == 7) {                                                              \
        MIX_SPAN(MODE, 7);                                                         \
    } else if (level == 8) {                                                       \
        MIX_SPAN(MODE, 8);                                                         \
    } else {                                                                       \
        MIX_SPAN(MODE, 9);                                                         \
    }
    if (mode == UC_LEARN) {
        MIX_SPANS(UC_LEARN)
    } else if (mode == UC_PUT) {
        MIX_SPANS(UC_PUT)
    } else {
        MIX_SPANS(UC_GET)
    }
#undef MIX_SPANS
#undef MIX_SPAN
}
