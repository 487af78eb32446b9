/* glibc's math functions over many inputs: `math exact` prints digests of results that IEEE 754 defines to the last bit,
   with their exceptions, in each rounding mode; `math near` prints results that may differ by a few units in the last
   place; `math text` prints digests of conversions to and from text. `math exact NAME` prints each result of one group.
   The same source runs in the guest and on the host.
   Truth: IEEE 754-2019; the manual of glibc, "Errors in Math Functions". */
#define _GNU_SOURCE
#define __STDC_WANT_IEC_60559_BFP_EXT__
#define __STDC_WANT_IEC_60559_TYPES_EXT__
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include "numbers.h"

static const char *wanted;
static int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
static const char *mode_names[] = {"nearest", "zero", "up", "down"};

typedef _Float128 quad;

/* Bits of a value; all NaNs are one, because architectures choose different ones. */
static uint64_t bits_d(double x)
{
    uint64_t bits;
    if (isnan(x))
        return 0x7ff8000000000000;
    memcpy(&bits, &x, 8);
    return bits;
}
static uint64_t bits_f(float x)
{
    uint32_t bits;
    if (isnan(x))
        return 0x7fc00000;
    memcpy(&bits, &x, 4);
    return bits;
}
static unsigned __int128 bits_q(quad x)
{
    unsigned __int128 bits;
    if (x != x)
        return (unsigned __int128)0x7fff800000000000 << 64;
    memcpy(&bits, &x, 16);
    return bits;
}

/* Inputs: each bit pattern is as likely, or the exponents are near one another, or the value is one of the odd ones. */
static const uint64_t odd[] = {
    0x0000000000000000, 0x0000000000000001, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001,
    0x3cb0000000000000, 0x3fe0000000000000, 0x3fefffffffffffff, 0x3ff0000000000000, 0x3ff0000000000001,
    0x3ff8000000000000, 0x4000000000000000, 0x4008000000000000, 0x4330000000000000, 0x432fffffffffffff,
    0x4340000000000000, 0x43dfffffffffffff, 0x43e0000000000000, 0x41dfffffffc00000, 0x41e0000000000000,
    0x41efffffffe00000, 0x41f0000000000000, 0x43f0000000000000, 0x47efffffe0000000, 0x47f0000000000000,
    0x380fffffc0000000, 0x3810000000000000, 0x36a0000000000000, 0x7fefffffffffffff, 0x7fe0000000000000,
    0x7ff0000000000000, 0x7ff8000000000000,
};
#define ODD (sizeof odd / sizeof *odd)

static double input_d(void)
{
    uint64_t kind = number(), bits = number();
    double x;
    switch (kind & 7) {
    case 0:
        bits = odd[bits % ODD] | (kind & 8) << 60;
        break;
    case 1: /* few significant bits */
        bits &= 0xfffc000000000000 | 1ull << (kind >> 8) % 50;
        break;
    case 2:
    case 3: /* around one */
        bits = (bits & 0x800fffffffffffff) | (0x3ff + (int)((kind >> 8) % 9) - 4ull) << 52;
        break;
    case 4: /* the range in which integers are */
        bits = (bits & 0x800fffffffffffff) | (0x3ff + (kind >> 8) % 66) << 52;
        break;
    case 5: /* near the least */
        bits &= 0x803fffffffffffff;
        break;
    }
    /* Quiet: what becomes of a signaling one in a conversion or a call depends on the architecture's calls. */
    if ((bits & 0x7ff0000000000000) == 0x7ff0000000000000 && bits << 12)
        bits |= 0x0008000000000000;
    memcpy(&x, &bits, 8);
    return x;
}
static float input_f(void)
{
    uint64_t kind = number();
    uint32_t bits = (uint32_t)number();
    float x;
    switch (kind & 3) {
    case 0:
        return (float)input_d();
    case 1:
        bits = (bits & 0x807fffff) | (uint32_t)(0x7f + (int)((kind >> 8) % 41) - 8) << 23;
        break;
    case 2:
        bits &= 0x81ffffff;
        break;
    }
    if ((bits & 0x7f800000) == 0x7f800000 && bits << 9)
        bits |= 0x00400000;
    memcpy(&x, &bits, 4);
    return x;
}
static quad input_q(void)
{
    uint64_t kind = number(), high = number(), low = number();
    unsigned __int128 bits;
    quad x;
    switch (kind & 7) {
    case 0:
        return input_d();
    case 1:
        low = 0;
        high &= 0xffffff0000000000;
        break;
    case 2:
    case 3:
        high = (high & 0x8000ffffffffffff) | (0x3fff + (kind >> 8) % 9 - 4) << 48;
        break;
    case 4:
        high = (high & 0x8000ffffffffffff) | (0x3fff + (kind >> 8) % 130) << 48;
        break;
    case 5:
        high &= 0x8003ffffffffffff;
        break;
    }
    if ((high & 0x7fff000000000000) == 0x7fff000000000000 && (high << 16 || low))
        high |= 0x0000800000000000;
    bits = (unsigned __int128)high << 64 | low;
    memcpy(&x, &bits, 16);
    return x;
}

/* One group of results under one name. */
static char group[64];
static int detailed, counter;

static void begin(const char *name, int mode)
{
    snprintf(group, sizeof group, "%s.%s", name, mode_names[mode]);
    detailed = wanted && !strcmp(wanted, group);
    number_state = 1;
    counter = 0;
    digest_begin();
}
static void end(void)
{
    fesetround(FE_TONEAREST);
    if (!wanted)
        printf("%s = %016llx\n", group, (unsigned long long)digest_state);
}
/* The exceptions that count. `tiny` says that the result may have been rounded up to the least normal number: whether that
   underflows depends on the architecture (tininess before or after rounding). */
static unsigned flags(int tiny)
{
    int raised = fetestexcept(FE_ALL_EXCEPT);
    return (raised & FE_INEXACT ? 1 : 0) | (raised & FE_OVERFLOW ? 2 : 0) | (raised & FE_UNDERFLOW && !tiny ? 4 : 0)
        | (raised & FE_DIVBYZERO ? 8 : 0) | (raised & FE_INVALID ? 16 : 0);
}
static void result(uint64_t high, uint64_t low, unsigned exceptions, uint64_t a, uint64_t b, uint64_t c)
{
    digest(high);
    digest(low);
    digest(exceptions);
    if (detailed)
        printf("%s.%d = %016llx %016llx flags %x of %016llx %016llx %016llx\n", group, counter, (unsigned long long)high,
               (unsigned long long)low, exceptions, (unsigned long long)a, (unsigned long long)b, (unsigned long long)c);
    counter++;
}

#define COUNT 1500
/* The volatile copies keep operations between the change of the rounding mode and the test of the exceptions. */
#define EXACT_D(name, expression, with_flags) \
    for (int mode = 0; mode < 4; mode++) { \
        begin(name, mode); \
        for (int i = 0; i < COUNT; i++) { \
            volatile double va = input_d(), vb = input_d(), vc = input_d(); \
            fesetround(modes[mode]); \
            feclearexcept(FE_ALL_EXCEPT); \
            double a = va, b = vb, c = vc; \
            (void)b, (void)c; \
            volatile double r = (expression); \
            unsigned f = with_flags ? flags(fabs(r) == DBL_MIN) : 0; \
            fesetround(FE_TONEAREST); \
            result(bits_d(r), 0, f, bits_d(a), bits_d(b), bits_d(c)); \
        } \
        end(); \
    }
#define EXACT_F(name, expression, with_flags) \
    for (int mode = 0; mode < 4; mode++) { \
        begin(name, mode); \
        for (int i = 0; i < COUNT; i++) { \
            volatile float va = input_f(), vb = input_f(), vc = input_f(); \
            fesetround(modes[mode]); \
            feclearexcept(FE_ALL_EXCEPT); \
            float a = va, b = vb, c = vc; \
            (void)b, (void)c; \
            volatile float r = (expression); \
            unsigned f = with_flags ? flags(fabsf(r) == FLT_MIN) : 0; \
            fesetround(FE_TONEAREST); \
            result(bits_f(r), 0, f, bits_f(a), bits_f(b), bits_f(c)); \
        } \
        end(); \
    }
#define EXACT_Q(name, expression, with_flags) \
    for (int mode = 0; mode < 4; mode++) { \
        begin(name, mode); \
        for (int i = 0; i < COUNT; i++) { \
            volatile quad va = input_q(), vb = input_q(), vc = input_q(); \
            fesetround(modes[mode]); \
            feclearexcept(FE_ALL_EXCEPT); \
            quad a = va, b = vb, c = vc; \
            (void)b, (void)c; \
            volatile quad r = (expression); \
            unsigned f = with_flags ? flags(r == FLT128_MIN || r == -FLT128_MIN) : 0; \
            fesetround(FE_TONEAREST); \
            unsigned __int128 bits = bits_q(r), of = bits_q(a); \
            result(bits >> 64, (uint64_t)bits, f, of >> 64, (uint64_t)of, bits_q(b) >> 64); \
        } \
        end(); \
    }
/* Results that are integers; inputs outside of `range` have no defined result. */
#define EXACT_I(name, type, input, range, expression, with_flags) \
    for (int mode = 0; mode < 4; mode++) { \
        begin(name, mode); \
        for (int i = 0; i < COUNT; i++) { \
            volatile type va = input(), vb = input(); \
            fesetround(modes[mode]); \
            feclearexcept(FE_ALL_EXCEPT); \
            type a = va, b = vb; \
            (void)b; \
            if (!(range)) \
                continue; \
            volatile int64_t r = (int64_t)(expression); \
            unsigned f = with_flags ? flags(0) : 0; \
            fesetround(FE_TONEAREST); \
            result((uint64_t)r, 0, f, bits_d((double)a), bits_d((double)b), 0); \
        } \
        end(); \
    }

static int remquo_bits;
static double remquo_d(double a, double b) { double r = remquo(a, b, &remquo_bits); return r; }
static double modf_d(double a) { double whole, part = modf(a, &whole); return part * 0.5 + whole; }
static int exponent;
static double frexp_d(double a) { exponent = 0; return frexp(a, &exponent); }
static float frexp_f(float a) { exponent = 0; return frexpf(a, &exponent); }
static quad frexp_q(quad a) { exponent = 0; return frexpf128(a, &exponent); }
static int small(double b) { return isfinite(b) ? (int)fmod(b, 2200) : 3; }

static void exact(void)
{
    EXACT_D("add", a + b, 1)
    EXACT_D("subtract", a - b, 1)
    EXACT_D("multiply", a * b, 1)
    EXACT_D("divide", a / b, 1)
    EXACT_D("fma", fma(a, b, c), 1)
    EXACT_D("fma-cancel", fma(a, b, -(a * b)), 0)
    EXACT_D("sqrt", sqrt(a), 1)
    EXACT_D("rint", rint(a), 1)
    EXACT_D("nearbyint", nearbyint(a), 1)
    EXACT_D("floor", floor(a), 0)
    EXACT_D("ceil", ceil(a), 0)
    EXACT_D("trunc", trunc(a), 0)
    EXACT_D("round", round(a), 0)
    EXACT_D("roundeven", roundeven(a), 0)
    EXACT_D("fmod", fmod(a, b), 0)
    EXACT_D("remainder", remainder(a, b), 0)
    EXACT_D("remquo", remquo_d(a, b), 0)
    EXACT_D("modf", modf_d(a), 0)
    EXACT_D("frexp", frexp_d(a) * 4096 + exponent, 0)
    EXACT_D("ldexp", ldexp(a, small(b)), 1)
    EXACT_D("logb", logb(a), 1)
    EXACT_D("nextafter", nextafter(a, b), 0)
    EXACT_D("fmax", a == b ? a : fmax(a, b), 0)
    EXACT_D("fmin", a == b ? a : fmin(a, b), 0)
    EXACT_D("fdim", fdim(a, b), 0)
    EXACT_D("copysign", copysign(a, b), 0)
    EXACT_D("drem-small", fmod(a, 1e-3 + fabs(b) / 1e5), 0)
    EXACT_D("to-float", (float)a, 1)
    EXACT_D("dsqrt-of-quad", (double)sqrtf128((quad)a), 1)
    EXACT_D("quad-to-double", (double)((quad)a * (quad)b), 1)
    EXACT_D("from-int64", (double)((int64_t)bits_d(a)), 1)
    EXACT_D("from-uint64", (double)((uint64_t)bits_d(a) >> (bits_d(b) & 63)), 1)
    EXACT_D("from-int32", (double)((int32_t)bits_d(a)), 1)
    EXACT_D("from-uint32", (double)((uint32_t)bits_d(a)), 1)

    EXACT_F("addf", a + b, 1)
    EXACT_F("subtractf", a - b, 1)
    EXACT_F("multiplyf", a * b, 1)
    EXACT_F("dividef", a / b, 1)
    EXACT_F("fmaf", fmaf(a, b, c), 1)
    EXACT_F("sqrtf", sqrtf(a), 1)
    EXACT_F("rintf", rintf(a), 1)
    EXACT_F("nearbyintf", nearbyintf(a), 1)
    EXACT_F("floorf", floorf(a), 0)
    EXACT_F("ceilf", ceilf(a), 0)
    EXACT_F("truncf", truncf(a), 0)
    EXACT_F("roundf", roundf(a), 0)
    EXACT_F("roundevenf", roundevenf(a), 0)
    EXACT_F("fmodf", fmodf(a, b), 0)
    EXACT_F("remainderf", remainderf(a, b), 0)
    EXACT_F("frexpf", frexp_f(a) * 256 + (float)exponent, 0)
    EXACT_F("ldexpf", ldexpf(a, small(b) % 300), 1)
    EXACT_F("nextafterf", nextafterf(a, b), 0)
    EXACT_F("fmaxf", a == b ? a : fmaxf(a, b), 0)
    EXACT_F("fminf", a == b ? a : fminf(a, b), 0)
    EXACT_F("from-int64f", (float)((int64_t)(bits_f(a) * 0x9e3779b97f4a7c15ull) >> (bits_f(b) & 63)), 1)
    EXACT_F("from-uint64f", (float)((uint64_t)(bits_f(a) * 0x9e3779b97f4a7c15ull) >> (bits_f(b) & 63)), 1)

    EXACT_Q("addq", a + b, 1)
    EXACT_Q("subtractq", a - b, 1)
    EXACT_Q("multiplyq", a * b, 1)
    EXACT_Q("divideq", a / b, 1)
    EXACT_Q("sqrtq", sqrtf128(a), 1)
    EXACT_Q("fmaq", fmaf128(a, b, c), 1)
    EXACT_Q("rintq", rintf128(a), 1)
    EXACT_Q("nearbyintq", nearbyintf128(a), 1)
    EXACT_Q("floorq", floorf128(a), 0)
    EXACT_Q("ceilq", ceilf128(a), 0)
    EXACT_Q("truncq", truncf128(a), 0)
    EXACT_Q("roundq", roundf128(a), 0)
    EXACT_Q("remainderq", remainderf128(a, b), 0)
    EXACT_Q("frexpq", frexp_q(a) * 65536 + exponent, 0)
    EXACT_Q("ldexpq", ldexpf128(a, small((double)b) * 9), 1)
    EXACT_Q("from-doubleq", (quad)(double)a, 1)
    EXACT_Q("from-floatq", (quad)(float)a, 1)
    EXACT_Q("from-int64q", (quad)(int64_t)bits_q(a), 1)
    EXACT_Q("from-uint64q", (quad)(uint64_t)bits_q(a), 1)

    EXACT_I("lrint", double, input_d, fabs(a) < 0x1p62, lrint(a), 1)
    EXACT_I("llround", double, input_d, fabs(a) < 0x1p62, llround(a), 0)
    EXACT_I("to-int64", double, input_d, fabs(a) < 0x1p63, (int64_t)a, 1)
    EXACT_I("to-uint64", double, input_d, a >= 0 && a < 0x1p64, (uint64_t)a, 1)
    EXACT_I("to-int32", double, input_d, fabs(a) < 0x1p31, (int32_t)a, 1)
    EXACT_I("to-uint32", double, input_d, a >= 0 && a < 0x1p32, (uint32_t)a, 1)
    EXACT_I("ilogb", double, input_d, a != 0 && isfinite(a), ilogb(a), 0)
    EXACT_I("compare", double, input_d, 1, (a < b) | (a <= b) << 1 | (a == b) << 2 | isunordered(a, b) << 3, 1)
    EXACT_I("classify", double, input_d, 1,
            isfinite(a) | isnan(a) << 1 | isinf(a) << 2 | isnormal(a) << 4 | !!signbit(a) << 5, 0)
    EXACT_I("lrintf", float, input_f, fabsf(a) < 0x1p62f, lrintf(a), 1)
    EXACT_I("to-int64f", float, input_f, fabsf(a) < 0x1p63f, (int64_t)a, 1)
    EXACT_I("to-uint64f", float, input_f, a >= 0 && a < 0x1p64f, (uint64_t)a, 1)
    EXACT_I("to-int32f", float, input_f, fabsf(a) < 0x1p31f, (int32_t)a, 1)
    EXACT_I("comparef", float, input_f, 1, (a < b) | (a <= b) << 1 | (a == b) << 2 | isunordered(a, b) << 3, 1)
    EXACT_I("lrintq", quad, input_q, fabsf128(a) < 0x1p62, lrintf128(a), 1)
    EXACT_I("to-int64q", quad, input_q, fabsf128(a) < 0x1p63, (int64_t)a, 1)
    EXACT_I("to-uint64q", quad, input_q, a >= 0 && a < 0x1p64, (uint64_t)a, 1)
    EXACT_I("compareq", quad, input_q, 1, (a < b) | (a <= b) << 1 | (a == b) << 2 | isunordered(a, b) << 3, 1)
}

/* Results within a few units in the last place: a line has eight of them after the tolerance. */
static double within(double x, double low, double high)
{
    if (!isfinite(x))
        x = 0.7;
    x = fabs(x);
    while (x > 1e9)
        x = sqrt(x);
    return low + fmod(x, high - low);
}
#define NEAR(name, ulps, low, high, expression_d, expression_f) \
    number_state = 2; \
    for (int line = 0; line < 24; line++) { \
        printf("%s.%d = ~%d", name, line, ulps); \
        for (int i = 0; i < 8; i++) { \
            double a = within(input_d(), low, high), b = within(input_d(), low, high); \
            (void)b; \
            printf(" %016llx", (unsigned long long)bits_d(expression_d)); \
        } \
        printf("\n%sf.%d = ~%d", name, line, ulps); \
        for (int i = 0; i < 8; i++) { \
            float a = (float)within(input_d(), low, high), b = (float)within(input_d(), low, high); \
            (void)b; \
            printf(" %08llx", (unsigned long long)bits_f(expression_f)); \
        } \
        printf("\n"); \
    }
/* Extended results come from the same algorithm of correctly rounded steps on either side: they are the same. */
#define SAME_Q(name, low, high, expression) \
    number_state = 3; \
    digest_begin(); \
    for (int i = 0; i < 60; i++) { \
        quad a = within(input_d(), low, high) + (quad)within(input_d(), 0, 1) * 0x1p-70; \
        quad b = within(input_d(), low, high); \
        (void)b; \
        unsigned __int128 bits = bits_q(expression); \
        digest((uint64_t)(bits >> 64)); \
        digest((uint64_t)bits); \
    } \
    printf("%s = %016llx\n", name, (unsigned long long)digest_state);

static void near(void)
{
    NEAR("sin", 2, -1e5, 1e5, sin(a), sinf(a))
    NEAR("cos", 2, -1e5, 1e5, cos(a), cosf(a))
    NEAR("tan", 2, -1e5, 1e5, tan(a), tanf(a))
    NEAR("asin", 2, -1, 1, asin(a), asinf(a))
    NEAR("acos", 2, -1, 1, acos(a), acosf(a))
    NEAR("atan", 2, -50, 50, atan(a), atanf(a))
    NEAR("atan2", 2, -50, 50, atan2(a, b), atan2f(a, b))
    NEAR("sinh", 4, -80, 80, sinh(a), sinhf(a))
    NEAR("cosh", 4, -80, 80, cosh(a), coshf(a))
    NEAR("tanh", 4, -20, 20, tanh(a), tanhf(a))
    NEAR("asinh", 4, -1e6, 1e6, asinh(a), asinhf(a))
    NEAR("acosh", 4, 1, 1e6, acosh(a), acoshf(a))
    NEAR("atanh", 4, -1, 1, atanh(a), atanhf(a))
    NEAR("exp", 2, -85, 85, exp(a), expf(a))
    NEAR("exp2", 2, -120, 120, exp2(a), exp2f(a))
    NEAR("exp10", 4, -37, 37, exp10(a), exp10f(a))
    NEAR("expm1", 2, -80, 80, expm1(a), expm1f(a))
    NEAR("log", 2, 0, 1e30, log(a), logf(a))
    NEAR("log2", 4, 0, 1e6, log2(a), log2f(a))
    NEAR("log10", 4, 0, 1e6, log10(a), log10f(a))
    NEAR("log1p", 2, -1, 100, log1p(a), log1pf(a))
    NEAR("pow", 2, 0, 30, pow(a, b), powf(a, b / 3))
    NEAR("cbrt", 4, -1e6, 1e6, cbrt(a), cbrtf(a))
    NEAR("hypot", 2, -1e6, 1e6, hypot(a, b), hypotf(a, b))
    NEAR("erf", 2, -5, 5, erf(a), erff(a))
    NEAR("erfc", 10, -5, 5, erfc(a), erfcf(a))
    NEAR("tgamma", 20, 0.5, 30, tgamma(a), tgammaf(a))
    NEAR("lgamma", 8, 3, 1e4, lgamma(a), lgammaf(a))
    SAME_Q("sinq", -1e5, 1e5, sinf128(a))
    SAME_Q("cosq", -1e5, 1e5, cosf128(a))
    SAME_Q("tanq", -1e5, 1e5, tanf128(a))
    SAME_Q("asinq", -1, 1, asinf128(a))
    SAME_Q("atanq", -50, 50, atanf128(a))
    SAME_Q("expq", -800, 800, expf128(a))
    SAME_Q("logq", 0, 1e30, logf128(a))
    SAME_Q("powq", 0, 30, powf128(a, b))
    SAME_Q("cbrtq", -1e6, 1e6, cbrtf128(a))
    SAME_Q("erfq", -5, 5, erff128(a))
    SAME_Q("lgammaq", 3, 1e4, lgammaf128(a))
    SAME_Q("fmodq", -1e6, 1e6, fmodf128(a, b))
}

static void digest_text(const char *text)
{
    while (*text)
        digest((unsigned char)*text++);
}

static void text(void)
{
    static const char *forms[] = {"%.17g", "%a", "%.0f", "%e", "%.30e", "%.3f", "%g", "%.1a"};
    char line[700];
    for (unsigned form = 0; form < sizeof forms / sizeof *forms; form++) {
        number_state = 4;
        digest_begin();
        for (int i = 0; i < 600; i++) {
            double x = input_d();
            snprintf(line, sizeof line, forms[form], isnan(x) ? 0.1 : x);
            digest_text(line);
        }
        printf("printf %s = %016llx\n", forms[form], (unsigned long long)digest_state);
    }
    for (int mode = 0; mode < 4; mode++) {
        number_state = 5;
        digest_begin();
        for (int i = 0; i < 1500; i++) {
            int digits = 1 + (int)(number() % 40), at = 0;
            if (number() & 1)
                line[at++] = '-';
            for (int d = 0; d < digits; d++) {
                line[at++] = (char)('0' + number() % 10);
                if (d == 0)
                    line[at++] = '.';
            }
            snprintf(line + at, sizeof line - (size_t)at, "e%d", (int)(number() % 700) - 350);
            fesetround(modes[mode]);
            double d = strtod(line, NULL);
            float f = strtof(line, NULL);
            quad q = strtof128(line, NULL);
            fesetround(FE_TONEAREST);
            digest(bits_d(d));
            digest(bits_f(f));
            digest((uint64_t)(bits_q(q) >> 64));
            digest((uint64_t)bits_q(q));
        }
        printf("strtod %s = %016llx\n", mode_names[mode], (unsigned long long)digest_state);
    }
    /* Text and back gives the same value: 17 digits are enough. */
    number_state = 6;
    int lost = 0;
    for (int i = 0; i < 1500; i++) {
        double x = input_d();
        snprintf(line, sizeof line, "%.17g", x);
        lost += bits_d(strtod(line, NULL)) != bits_d(x);
        quad q = input_q();
        strfromf128(line, sizeof line, "%.36g", q);
        lost += bits_q(strtof128(line, NULL)) != bits_q(q);
    }
    printf("lost in text = %d\n", lost);
}

int main(int count, char **words)
{
    wanted = count > 2 ? words[2] : NULL;
    if (count > 1 && !strcmp(words[1], "exact"))
        exact();
    else if (count > 1 && !strcmp(words[1], "near"))
        near();
    else if (count > 1 && !strcmp(words[1], "text"))
        text();
    else
        return 2;
    return 0;
}
