/* Transposition of fixed records: the byte planes of tables, samples and arrays of numbers.
 *
 * - Record r of `stride` bytes has its byte k at r * stride + k; in planes it stands at k * rows + r. Bytes
 *   after the last whole record stay where they are. (The shuffle of HDF5 and Blosc.)
 * - With differences, each byte but the first of a plane has the byte before it subtracted, modulo 256.
 * - Both directions write every byte of `out` once and read and write below `size` only, for any
 *   `stride` of at least 1, longer than the data included.
 */
#ifndef UC_PLANES_H
#define UC_PLANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    UC_LONGEST_STRIDE = 64,   /* that is looked for; any other up to 255 can be undone */
    UC_PLANE_SAMPLES = 16,    /* stretches that are looked at */
    UC_PLANE_SAMPLE = 1024,   /* bytes of each that are compared with those before */
    UC_PLANE_NEAR = 2         /* bytes that differ by so much at most are alike */
};

/* Turn records into planes; `out` does not overlap `data`. */
static void uc_planes_from_records(const uint8_t *data, size_t size, size_t stride, int differences,
                                   uint8_t *out)
{
    size_t rows = size / stride, k, r;
    for (k = 0; k < (rows ? stride : 0); k++) {
        uint8_t before = 0;
        for (r = 0; r < rows; r++) {
            uint8_t value = data[r * stride + k];
            out[k * rows + r] = (uint8_t)(value - before);
            before = differences ? value : 0;
        }
    }
    memcpy(out + rows * stride, data + rows * stride, size - rows * stride);
}

/* The inverse. */
static void uc_records_from_planes(const uint8_t *data, size_t size, size_t stride, int differences,
                                   uint8_t *out)
{
    size_t rows = size / stride, k, r;
    for (k = 0; k < (rows ? stride : 0); k++) {
        uint8_t before = 0;
        for (r = 0; r < rows; r++) {
            uint8_t value = (uint8_t)(data[k * rows + r] + before);
            out[r * stride + k] = value;
            before = differences ? value : 0;
        }
    }
    memcpy(out + rows * stride, data + rows * stride, size - rows * stride);
}

/* Positions at which both are near each other. */
static uint32_t uc_count_alike(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint32_t alike = 0;
    size_t i;
    for (i = 0; i < size; i++) {
        alike += (uint8_t)(a[i] - b[i] + UC_PLANE_NEAR) <= 2 * UC_PLANE_NEAR;
    }
    return alike;
}

/* The mean of what is alike at distances that are no multiples of a stride; of 1, at all others. */
static uint32_t uc_alike_elsewhere(const uint32_t *alike, size_t stride)
{
    uint32_t total = 0, count = 0;
    size_t distance;
    for (distance = 1; distance <= UC_LONGEST_STRIDE; distance++) {
        if (distance % stride || (stride == 1 && distance > 1)) {
            total += alike[distance];
            count++;
        }
    }
    return total / count;
}

/* The distance at which bytes are most alike, if that is clearly more than at others; else 0.
 *
 * Of two that are as good the shorter one: multiples of a record's length look like it. Clearly is
 * 9/20 of what is not alike elsewhere, or 11/4 of what is: tables of small numbers do the one,
 * samples and floats the other, and sections of programs neither.
 */
static size_t uc_likely_stride(const uint8_t *data, size_t size)
{
    const size_t span = UC_PLANE_SAMPLE + UC_LONGEST_STRIDE;
    const uint32_t samples = UC_PLANE_SAMPLES * UC_PLANE_SAMPLE;
    uint32_t alike[UC_LONGEST_STRIDE + 1] = { 0 };
    uint32_t most = 0, elsewhere;
    size_t i, stride;
    if (size < UC_PLANE_SAMPLES * span) {
        return 0;
    }
    for (i = 0; i < UC_PLANE_SAMPLES; i++) {
        const uint8_t *at = data + (size - span) / (UC_PLANE_SAMPLES - 1) * i + UC_LONGEST_STRIDE;
        for (stride = 1; stride <= UC_LONGEST_STRIDE; stride++) {
            alike[stride] += uc_count_alike(at, at - stride, UC_PLANE_SAMPLE);
        }
    }
    for (stride = 1; stride <= UC_LONGEST_STRIDE; stride++) {
        most = most > alike[stride] ? most : alike[stride];
    }
    stride = 1;
    while (alike[stride] + alike[stride] / 32 < most) {
        stride++;
    }
    elsewhere = uc_alike_elsewhere(alike, stride);
    if (alike[stride] < elsewhere + samples / 16) {
        return 0;
    }
    if ((alike[stride] - elsewhere) * 20 >= 9 * (samples - elsewhere)) {
        return stride;
    }
    return alike[stride] * 4 >= 11 * elsewhere ? stride : 0;
}

#endif
