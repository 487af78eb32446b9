/*
 * NEURAL NETWORK PROCESSING ASSIST through IBM's library zDNN: each function on random tensors against loops in single
 * precision. docs/oracles.md says how to build and run it. Status 1 when something differs by more than rounding of the inputs
 * to nine bits of fraction explains; switches the machine off when it is the first process.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "zdnn/zdnn.h"

static int failed, compared;

static float number(void)
{
    static unsigned state = 1;
    state = state * 1103515245 + 12345;
    return ((int)(state >> 16 & 0x7fff) - 16384) / 8192.0f;
}

static float *numbers(size_t n, float scale)
{
    float *a = malloc(n * sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i] = number() * scale;
    return a;
}

static void ok(const char *what, zdnn_status status)
{
    if (status != ZDNN_OK) {
        printf("FAIL %s: status %x\n", what, status);
        failed++;
    }
}

static zdnn_ztensor *described(zdnn_tensor_desc *from, zdnn_tensor_desc *to)
{
    zdnn_ztensor *z = calloc(1, sizeof *z);
    ok("allocation", zdnn_init_ztensor_with_malloc(from, to, z));
    return z;
}

/* A tensor, with data unless `data` is null. */
static zdnn_ztensor *tensor(zdnn_data_layouts layout, void *data, int a, int b, int c, int d)
{
    zdnn_tensor_desc *from = calloc(1, sizeof *from), *to = calloc(1, sizeof *to);
    zdnn_init_pre_transformed_desc(layout, FP32, from, a, b, c, d);
    ok("description", zdnn_generate_transformed_desc(from, to));
    zdnn_ztensor *z = described(from, to);
    if (data)
        ok("transformation", zdnn_transform_ztensor(z, data));
    return z;
}

/* The gates of a recurrent network side by side. */
static zdnn_ztensor *gates(zdnn_data_layouts layout, unsigned info, float **data, int count, int a, int b, int c)
{
    zdnn_tensor_desc *from = calloc(1, sizeof *from), *to = calloc(1, sizeof *to);
    zdnn_init_pre_transformed_desc(layout, FP32, from, a, b, c);
    ok("description", zdnn_generate_transformed_desc_concatenated(from, info, to));
    zdnn_ztensor *z = described(from, to);
    ok("transformation", count == 4 ? zdnn_transform_ztensor(z, data[0], data[1], data[2], data[3])
                                    : zdnn_transform_ztensor(z, data[0], data[1], data[2]));
    return z;
}

static void compare(const char *what, zdnn_ztensor *z, const float *expected, size_t n, float tolerance)
{
    float *actual = malloc(n * sizeof *actual + 4096), worst = 0;
    ok(what, zdnn_transform_origtensor(z, actual));
    for (size_t i = 0; i < n; i++) {
        float error = fabsf(actual[i] - expected[i]) / (1 + fabsf(expected[i]));
        if (!(error <= worst))
            worst = error;
    }
    int bad = !(worst <= tolerance);
    printf("%s %s: %zu numbers, largest error %g\n", bad ? "FAIL" : "pass", what, n, worst);
    failed += bad;
    compared++;
    free(actual);
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

enum { N = 3, H = 7, W = 40, C = 70, ALL = N * H * W * C };

static float *image;
static zdnn_ztensor *z_image;

static float pixel(int n, int y, int x, int c)
{
    return image[((n * H + y) * W + x) * C + c];
}

static void element_by_element(void)
{
    float *b = numbers(ALL, 1), *expected = malloc(ALL * sizeof *expected);
    for (int i = 0; i < ALL; i++)
        b[i] = 1.5f + fabsf(b[i]);
    zdnn_ztensor *za = z_image, *zb = tensor(ZDNN_NHWC, b, N, H, W, C);
    compare("round trip", za, image, ALL, 0.001f);
#define RESULT(name, call, formula)                                                                                           \
    do {                                                                                                                       \
        zdnn_ztensor *z = tensor(ZDNN_NHWC, NULL, N, H, W, C);                                                                 \
        ok(name, call);                                                                                                        \
        for (int i = 0; i < ALL; i++) {                                                                                        \
            float x = image[i], y = b[i];                                                                                      \
            (void)x, (void)y;                                                                                                  \
            expected[i] = formula;                                                                                             \
        }                                                                                                                      \
        compare(name, z, expected, ALL, 0.01f);                                                                                \
    } while (0)
    RESULT("add", zdnn_add(za, zb, z), x + y);
    RESULT("subtract", zdnn_sub(za, zb, z), x - y);
    RESULT("multiply", zdnn_mul(za, zb, z), x * y);
    RESULT("divide", zdnn_div(za, zb, z), x / y);
    RESULT("minimum", zdnn_min(za, zb, z), fminf(x, y));
    RESULT("maximum", zdnn_max(za, zb, z), fmaxf(x, y));
    RESULT("exponential", zdnn_exp(za, z), expf(x));
    RESULT("logarithm", zdnn_log(zb, z), logf(y));
    RESULT("tangent", zdnn_tanh(za, z), tanhf(x));
    RESULT("sigmoid", zdnn_sigmoid(za, z), sigmoid(x));
    float one = 1;
    RESULT("relu", zdnn_relu(za, &one, z), x < 0 ? 0 : fminf(x, 1));
    float *scale = numbers(C, 1), *bias = numbers(C, 1);
    zdnn_ztensor *zs = tensor(ZDNN_1D, scale, C, 0, 0, 0), *zt = tensor(ZDNN_1D, bias, C, 0, 0, 0);
    RESULT("normalization", zdnn_batchnorm(za, zs, zt, z), x * scale[i % C] + bias[i % C]);
}

static void softmax(void)
{
    enum { B = 5, S = 33, D = 130 };
    float *x = numbers(B * S * D, 1), *expected = malloc(B * S * D * sizeof *expected);
    zdnn_ztensor *zx = tensor(ZDNN_3DS, x, B, S, D, 0);
    for (int logarithm = 0; logarithm < 2; logarithm++) {
        zdnn_ztensor *z = tensor(ZDNN_3DS, NULL, B, S, D, 0);
        ok("softmax", zdnn_softmax(zx, NULL, logarithm, z));
        for (int r = 0; r < B * S; r++) {
            float sum = 0, *row = x + r * D;
            for (int i = 0; i < D; i++)
                sum += expf(row[i]);
            for (int i = 0; i < D; i++)
                expected[r * D + i] = logarithm ? row[i] - logf(sum) : expf(row[i]) / sum;
        }
        compare(logarithm ? "logarithm of softmax" : "softmax", z, expected, B * S * D, 0.01f);
    }
}

static void matrices(void)
{
    enum { S = 3, M = 35, K = 100, P = 70 };
    float *a = numbers(S * M * K, 1), *b = numbers(S * K * P, 1), *bias = numbers(S * P, 1);
    float *expected = malloc(S * M * P * sizeof *expected);
    zdnn_ztensor *za = tensor(ZDNN_3DS, a, S, M, K, 0);
    for (int broadcast = 0; broadcast < 2; broadcast++) {
        zdnn_ztensor *z = tensor(ZDNN_3DS, NULL, S, M, P, 0);
        if (broadcast)
            ok("product", zdnn_matmul_bcast_op(za, tensor(ZDNN_2D, b, K, P, 0, 0), tensor(ZDNN_1D, bias, P, 0, 0, 0),
                                               MATMUL_BCAST_OP_ADDITION, z));
        else
            ok("product", zdnn_matmul_op(za, tensor(ZDNN_3DS, b, S, K, P, 0), tensor(ZDNN_2DS, bias, S, P, 0, 0),
                                         MATMUL_OP_ADDITION, z));
        for (int i = 0; i < S * M * P; i++) {
            int s = i / (M * P), row = i / P, column = i % P, other = broadcast ? 0 : s;
            expected[i] = bias[other * P + column];
            for (int k = 0; k < K; k++)
                expected[i] += a[row * K + k] * b[(other * K + k) * P + column];
        }
        compare(broadcast ? "product with one matrix" : "product of matrices", z, expected, S * M * P, 0.04f);
    }
}

/* Where a window begins that may reach over the edge. */
static int before(int size, int result, int window, int stride, int same)
{
    int missing = (result - 1) * stride + window - size;
    return same && missing > 0 ? missing / 2 : 0;
}

static void windows(int same, int stride_h)
{
    enum { KH = 3, KW = 5, STRIDE_W = 2, K = 66 };
    int oh = same ? (H + stride_h - 1) / stride_h : (H - KH + stride_h) / stride_h;
    int ow = same ? (W + STRIDE_W - 1) / STRIDE_W : (W - KW + STRIDE_W) / STRIDE_W;
    int top = before(H, oh, KH, stride_h, same), left = before(W, ow, KW, STRIDE_W, same);
    float *kernel = numbers(KH * KW * C * K, 0.125f), *bias = numbers(K, 1);
    float *largest = malloc(N * oh * ow * C * sizeof(float)), *average = malloc(N * oh * ow * C * sizeof(float));
    float *sums = malloc(N * oh * ow * K * sizeof(float));
    for (int place = 0; place < N * oh * ow; place++) {
        int n = place / (oh * ow), y = place / ow % oh, x = place % ow, count = 0;
        for (int c = 0; c < C; c++)
            largest[place * C + c] = -1e9f, average[place * C + c] = 0;
        memcpy(sums + place * K, bias, K * sizeof(float));
        for (int i = 0; i < KH * KW; i++) {
            int iy = y * stride_h + i / KW - top, ix = x * STRIDE_W + i % KW - left;
            if (iy < 0 || iy >= H || ix < 0 || ix >= W)
                continue;
            count++;
            for (int c = 0; c < C; c++) {
                float p = pixel(n, iy, ix, c);
                largest[place * C + c] = fmaxf(largest[place * C + c], p);
                average[place * C + c] += p;
                for (int k = 0; k < K; k++)
                    sums[place * K + k] += p * kernel[(i * C + c) * K + k];
            }
        }
        for (int c = 0; c < C; c++)
            average[place * C + c] /= count;
        for (int k = 0; k < K; k++)
            sums[place * K + k] = fmaxf(sums[place * K + k], 0);
    }
    zdnn_ztensor *z = tensor(ZDNN_NHWC, NULL, N, oh, ow, C);
    ok("pooling", zdnn_maxpool2d(z_image, same, KH, KW, stride_h, STRIDE_W, z));
    compare("maximum pooling", z, largest, N * oh * ow * C, 0.01f);
    z = tensor(ZDNN_NHWC, NULL, N, oh, ow, C);
    ok("pooling", zdnn_avgpool2d(z_image, same, KH, KW, stride_h, STRIDE_W, z));
    compare("average pooling", z, average, N * oh * ow * C, 0.01f);
    z = tensor(ZDNN_NHWC, NULL, N, oh, ow, K);
    ok("convolution", zdnn_conv2d(z_image, tensor(ZDNN_HWCK, kernel, KH, KW, C, K), tensor(ZDNN_1D, bias, K, 0, 0, 0),
                                  same, stride_h, STRIDE_W, CONV2D_ACT_RELU, NULL, z));
    compare("convolution", z, sums, N * oh * ow * K, 0.03f);
}

static void recurrent(int gru)
{
    enum { T = 6, B = 3, F = 32, S = 70 };
    int count = gru ? 3 : 4;
    unsigned type = gru ? RNN_TYPE_GRU : RNN_TYPE_LSTM;
    float *x = numbers(T * B * F, 1), *h = numbers(B * S, 1), *c = numbers(B * S, 1), next[B * S];
    float *wx[4], *wh[4], *bx[4], *bh[4];
    for (int g = 0; g < 4; g++) {
        wx[g] = numbers(F * S, 0.125f), wh[g] = numbers(S * S, 0.125f);
        bx[g] = numbers(S, 1), bh[g] = numbers(S, 1);
    }
    zdnn_ztensor *zx = tensor(ZDNN_3DS, x, T, B, F, 0), *zh = tensor(ZDNN_3DS, h, 1, B, S, 0);
    zdnn_ztensor *zc = tensor(ZDNN_3DS, c, 1, B, S, 0);
    zdnn_ztensor *hidden = tensor(ZDNN_4DS, NULL, 1, 1, B, S), *cell = tensor(ZDNN_4DS, NULL, 1, 1, B, S);
    zdnn_ztensor *w = gates(ZDNN_3DS, type | USAGE_WEIGHTS | PREV_LAYER_NONE, wx, count, 1, F, S);
    zdnn_ztensor *b = gates(ZDNN_2DS, type | USAGE_BIASES | PREV_LAYER_NONE, bx, count, 1, S, 0);
    zdnn_ztensor *hw = gates(ZDNN_3DS, type | USAGE_HIDDEN_WEIGHTS | PREV_LAYER_NONE, wh, count, 1, S, S);
    zdnn_ztensor *hb = gates(ZDNN_2DS, type | USAGE_HIDDEN_BIASES | PREV_LAYER_NONE, bh, count, 1, S, 0);
    if (gru)
        ok("network", zdnn_gru(zx, zh, w, b, hw, hb, FWD, NULL, hidden));
    else
        ok("network", zdnn_lstm(zx, zh, zc, w, b, hw, hb, FWD, NULL, hidden, cell));
    for (int t = 0; t < T; t++) {
        for (int i = 0; i < B * S; i++) {
            int row = i / S, s = i % S;
            float p[4], q[4];
            for (int g = 0; g < count; g++) {
                p[g] = bx[g][s], q[g] = bh[g][s];
                for (int k = 0; k < F; k++)
                    p[g] += x[(t * B + row) * F + k] * wx[g][k * S + s];
                for (int k = 0; k < S; k++)
                    q[g] += h[row * S + k] * wh[g][k * S + s];
            }
            if (gru) {
                float update = sigmoid(p[0] + q[0]);
                next[i] = (1 - update) * tanhf(p[2] + sigmoid(p[1] + q[1]) * q[2]) + update * h[i];
            } else {
                c[i] = sigmoid(p[0] + q[0]) * c[i] + sigmoid(p[1] + q[1]) * tanhf(p[2] + q[2]);
                next[i] = sigmoid(p[3] + q[3]) * tanhf(c[i]);
            }
        }
        memcpy(h, next, sizeof next);
    }
    if (!gru)
        compare("LSTM's cells", cell, c, B * S, 0.05f);
    compare(gru ? "GRU" : "LSTM", hidden, h, B * S, 0.05f);
}

int main(void)
{
    zdnn_init();
    printf("zDNN %s, NNPA %s, largest index %u\n", zdnn_get_library_version_str(),
           zdnn_is_nnpa_installed() ? "installed" : "missing", zdnn_get_nnpa_max_dim_idx_size());
    image = numbers(ALL, 1);
    z_image = tensor(ZDNN_NHWC, image, N, H, W, C);
    element_by_element();
    softmax();
    matrices();
    for (int same = 0; same < 2; same++)
        for (int stride = 1; stride < 4; stride++)
            windows(same, stride);
    recurrent(0);
    recurrent(1);
    printf("%d comparisons, %d failures\n", compared, failed);
    fflush(stdout);
    if (getpid() == 1)
        reboot(RB_POWER_OFF);
    return failed != 0;
}
