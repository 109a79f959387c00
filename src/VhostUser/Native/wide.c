/*
 * What the native build of vhostnetd does with registers wider than its baseline, x86-64-v2: the compiler of native code takes a wider instruction set for all of a file or
 * for none of it, and the file shall start on every processor. These few functions are chosen when the file is loaded, by what the processor has. The C# code beside
 * which they stand (Offload/InternetChecksum, Offload/ChecksumCopy, Virtqueues/CacheDemotion) does the same where they are not linked: in a JIT build, and on arm64.
 */
#include <cpuid.h>
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned char byte;
typedef uint64_t sum_function(byte *to, const byte *from, size_t length);

#define ALWAYS static inline __attribute__((always_inline))
#define MASK 0xffffffffu

/* Unaligned words, whatever the bytes were declared as. */
typedef uint64_t word __attribute__((aligned(1), may_alias));

/* Fewer than 64 bytes. The missing second byte of an odd last word counts as 0. */
ALWAYS uint64_t rest(byte *to, const byte *from, size_t length)
{
    uint64_t sum = 0, last = 0;
    for (; length >= 8; length -= 8, from += 8) {
        uint64_t w = *(const word *)from;
        if (to != NULL) {
            *(word *)to = w;
            to += 8;
        }
        sum += (w & MASK) + (w >> 32);
    }
    for (size_t i = 0; i < length; i++) {
        byte b = from[i];
        if (to != NULL)
            to[i] = b;
        last |= (uint64_t)b << (8 * i);
    }
    return sum + (last & MASK) + (last >> 32);
}

/* Copies unless "to" is NULL, and adds up 32-bit words, each loaded once. */
__attribute__((target("avx512f,avx512bw"))) ALWAYS uint64_t sum_512(byte *to, const byte *from, size_t length)
{
    const __m512i mask = _mm512_set1_epi64(MASK);
    __m512i even0 = _mm512_setzero_si512(), odd0 = even0, even1 = even0, odd1 = even0;
    /* Stores that cross no line are worth a masked step before them; an odd one would tear words. */
    size_t head = to == NULL ? 0 : -(uintptr_t)to & 63;
    while (length > 0) {
        if (head != 0 && (head & 1) == 0 && head < length) {
            __mmask64 some = ~0ull >> (64 - head);
            __m512i a = _mm512_maskz_loadu_epi8(some, from);
            _mm512_mask_storeu_epi8(to, some, a);
            even1 = _mm512_and_si512(a, mask);
            odd1 = _mm512_srli_epi64(a, 32);
            from += head, to += head, length -= head;
        }
        head = 0;
        for (; length >= 128; length -= 128, from += 128) {
            __m512i a = _mm512_loadu_si512(from), b = _mm512_loadu_si512(from + 64);
            if (to != NULL) {
                _mm512_storeu_si512(to, a);
                _mm512_storeu_si512(to + 64, b);
                to += 128;
            }
            even0 = _mm512_add_epi64(even0, _mm512_and_si512(a, mask));
            odd0 = _mm512_add_epi64(odd0, _mm512_srli_epi64(a, 32));
            even1 = _mm512_add_epi64(even1, _mm512_and_si512(b, mask));
            odd1 = _mm512_add_epi64(odd1, _mm512_srli_epi64(b, 32));
        }
        size_t piece = length < 64 ? length : 64;
        __mmask64 some = piece == 0 ? 0 : ~0ull >> (64 - piece);
        __m512i a = _mm512_maskz_loadu_epi8(some, from);
        if (to != NULL) {
            _mm512_mask_storeu_epi8(to, some, a);
            to += piece;
        }
        even0 = _mm512_add_epi64(even0, _mm512_and_si512(a, mask));
        odd0 = _mm512_add_epi64(odd0, _mm512_srli_epi64(a, 32));
        from += piece, length -= piece;
    }
    return _mm512_reduce_add_epi64(_mm512_add_epi64(_mm512_add_epi64(even0, even1), _mm512_add_epi64(odd0, odd1)));
}

__attribute__((target("avx2"))) ALWAYS uint64_t sum_256(byte *to, const byte *from, size_t length)
{
    const __m256i mask = _mm256_set1_epi64x(MASK);
    __m256i even = _mm256_setzero_si256(), odd = even;
    uint64_t parts[4];
    for (; length >= 64; length -= 64, from += 64) {
        __m256i a = _mm256_loadu_si256((const __m256i *)from), b = _mm256_loadu_si256((const __m256i *)(from + 32));
        if (to != NULL) {
            _mm256_storeu_si256((__m256i *)to, a);
            _mm256_storeu_si256((__m256i *)(to + 32), b);
            to += 64;
        }
        even = _mm256_add_epi64(even, _mm256_add_epi64(_mm256_and_si256(a, mask), _mm256_and_si256(b, mask)));
        odd = _mm256_add_epi64(odd, _mm256_add_epi64(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)));
    }
    _mm256_storeu_si256((__m256i *)parts, _mm256_add_epi64(even, odd));
    return parts[0] + parts[1] + parts[2] + parts[3] + rest(to, from, length);
}

ALWAYS uint64_t sum_128(byte *to, const byte *from, size_t length)
{
    const __m128i mask = _mm_set1_epi64x(MASK);
    __m128i even = _mm_setzero_si128(), odd = even;
    uint64_t parts[2];
    for (; length >= 32; length -= 32, from += 32) {
        __m128i a = _mm_loadu_si128((const __m128i *)from), b = _mm_loadu_si128((const __m128i *)(from + 16));
        if (to != NULL) {
            _mm_storeu_si128((__m128i *)to, a);
            _mm_storeu_si128((__m128i *)(to + 16), b);
            to += 32;
        }
        even = _mm_add_epi64(even, _mm_add_epi64(_mm_and_si128(a, mask), _mm_and_si128(b, mask)));
        odd = _mm_add_epi64(odd, _mm_add_epi64(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32)));
    }
    _mm_storeu_si128((__m128i *)parts, _mm_add_epi64(even, odd));
    return parts[0] + parts[1] + rest(to, from, length);
}

#define EACH(WIDTH, ...)                                                                                                       \
    __VA_ARGS__ static uint64_t add_##WIDTH(byte *to, const byte *from, size_t length) { (void)to; return sum_##WIDTH(NULL, from, length); } \
    __VA_ARGS__ static uint64_t copy_##WIDTH(byte *to, const byte *from, size_t length) { return sum_##WIDTH(to, from, length); }

EACH(512, __attribute__((target("avx512f,avx512bw"))))
EACH(256, __attribute__((target("avx2"))))
EACH(128)

/* The dynamic linker asks these once, before anything runs. The builtin looks also at what the kernel keeps of a thread's registers. */
#define CHOOSE(NAME)                                                                                 \
    __attribute__((used)) static sum_function *choose_##NAME(void)                                   \
    {                                                                                                \
        __builtin_cpu_init();                                                                        \
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))                 \
            return NAME##_512;                                                                       \
        return __builtin_cpu_supports("avx2") ? NAME##_256 : NAME##_128;                             \
    }                                                                                                \
    uint64_t vhostnet_##NAME(byte *to, const byte *from, size_t length) __attribute__((ifunc("choose_" #NAME)));

CHOOSE(add)
CHOOSE(copy)

/* Leaf 7, ECX bit 25. The instruction is a hint, and does nothing where it is not known; asking avoids the calls. */
int vhostnet_has_demotion(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & (1u << 25)) != 0;
}

/* The two lines that the beginning of each buffer lies in; "at" is an array of structures that begin with the buffer's address. */
void vhostnet_demote(const void *at, size_t count, size_t stride)
{
    for (; count > 0; count--, at = (const byte *)at + stride) {
        const byte *line = *(const byte *const *)at;
        __asm__ volatile(".byte 0x0f, 0x1c, 0x00\n\t.byte 0x0f, 0x1c, 0x40, 0x40" : : "a"(line)); /* cldemote [rax]; cldemote [rax + 64] */
    }
}
