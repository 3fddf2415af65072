#include "metrics/ridge.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace curie {
namespace {

struct Matrix {
  std::size_t rows, columns;
  std::vector<double> values;

  Matrix(std::size_t r, std::size_t c) : rows(r), columns(c), values(r * c, 0.0) {}
  double* row(std::size_t i) { return values.data() + i * columns; }
  const double* row(std::size_t i) const { return values.data() + i * columns; }
};

// In a fixed order of eight partial sums, which a compiler may keep in registers.
double dot(const double* a, const double* b, std::size_t count) {
  std::array<double, 8> sums{};
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (std::size_t k = 0; k < 8; ++k) sums[k] += a[i + k] * b[i + k];
  }
  double sum = 0;
  for (; i < count; ++i) sum += a[i] * b[i];
  for (const double part : sums) sum += part;
  return sum;
}

Matrix transposed(const Matrix& m) {
  Matrix result(m.columns, m.rows);
  for (std::size_t i = 0; i < m.rows; ++i) {
    for (std::size_t j = 0; j < m.columns; ++j) result.row(j)[i] = m.row(i)[j];
  }
  return result;
}

// a * b^T, of a and b with equally long rows.
Matrix product_with_transposed(const Matrix& a, const Matrix& b, ThreadPool& pool) {
  Matrix result(a.rows, b.rows);
  pool.run(static_cast<int>(a.rows), [&](int index, int) {
    const auto i = static_cast<std::size_t>(index);
    for (std::size_t j = 0; j < b.rows; ++j) result.row(i)[j] = dot(a.row(i), b.row(j), a.columns);
  });
  return result;
}

// The lower half of m * m^T + alpha * I, then its Cholesky factor in its place.
Matrix factor_of_gram(const Matrix& m, double alpha, ThreadPool& pool) {
  Matrix gram(m.rows, m.rows);
  pool.run(static_cast<int>(m.rows), [&](int index, int) {
    const auto i = static_cast<std::size_t>(index);
    for (std::size_t j = 0; j <= i; ++j) gram.row(i)[j] = dot(m.row(i), m.row(j), m.columns);
    gram.row(i)[i] += alpha;
  });
  for (std::size_t j = 0; j < gram.rows; ++j) {
    const double pivot = std::sqrt(gram.row(j)[j] - dot(gram.row(j), gram.row(j), j));
    CURIE_CHECK(pivot > 0, numeric, "ridge: the Gram matrix is singular; expected a larger alpha than {}", alpha);
    gram.row(j)[j] = pivot;
    pool.run(static_cast<int>(gram.rows - j - 1), [&](int index, int) {
      double* row = gram.row(j + 1 + static_cast<std::size_t>(index));
      row[j] = (row[j] - dot(row, gram.row(j), j)) / pivot;
    });
  }
  return gram;
}

// Solves L L^T x = b for each row b of `right`, in its place.
void solve(const Matrix& factor, Matrix& right) {
  for (std::size_t r = 0; r < right.rows; ++r) {
    double* x = right.row(r);
    for (std::size_t i = 0; i < factor.rows; ++i) x[i] = (x[i] - dot(factor.row(i), x, i)) / factor.row(i)[i];
    for (std::size_t i = factor.rows; i-- > 0;) {
      x[i] /= factor.row(i)[i];
      for (std::size_t k = 0; k < i; ++k) x[k] -= factor.row(i)[k] * x[i];
    }
  }
}

}  // namespace

RidgeClassifier::RidgeClassifier(std::span<const float> rows, std::span<const std::int32_t> labels,
                                 std::size_t features, int classes, double alpha, int threads)
    : classes_(static_cast<std::size_t>(classes)) {
  CURIE_CHECK(alpha > 0 && features >= 1 && classes >= 2, usage,
              "ridge: expected a positive alpha, features and two or more classes, got {}, {} and {}", alpha, features,
              classes);
  CURIE_CHECK(!labels.empty() && rows.size() == labels.size() * features, data,
              "ridge: expected {} values for {} samples of {} features, got {}", labels.size() * features,
              labels.size(), features, rows.size());
  const std::size_t samples = labels.size();
  std::vector<double> means(features, 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) means[i % features] += static_cast<double>(rows[i]);
  for (double& mean : means) mean /= static_cast<double>(samples);
  Matrix x(samples, features);
  for (std::size_t i = 0; i < rows.size(); ++i) x.values[i] = static_cast<double>(rows[i]) - means[i % features];

  Matrix y(classes_, samples);  // centred
  std::vector<double> target_means(classes_, 0.0);
  for (std::size_t i = 0; i < samples; ++i) {
    CURIE_CHECK(labels[i] >= 0 && labels[i] < classes, data, "ridge: expected labels from 0 to {}, got {}", classes - 1,
                labels[i]);
    for (std::size_t k = 0; k < classes_; ++k) y.row(k)[i] = static_cast<std::size_t>(labels[i]) == k ? 1 : -1;
  }
  for (std::size_t k = 0; k < classes_; ++k) {
    for (std::size_t i = 0; i < samples; ++i) target_means[k] += y.row(k)[i] / static_cast<double>(samples);
    for (std::size_t i = 0; i < samples; ++i) y.row(k)[i] -= target_means[k];
  }

  ThreadPool pool(threads);
  const Matrix columns = transposed(x);
  Matrix solution(classes_, features);
  if (samples <= features) {  // w = X^T (X X^T + alpha I)^-1 y
    solve(factor_of_gram(x, alpha, pool), y);
    solution = product_with_transposed(y, columns, pool);
  } else {  // w = (X^T X + alpha I)^-1 X^T y
    solution = product_with_transposed(y, columns, pool);
    solve(factor_of_gram(columns, alpha, pool), solution);
  }
  weights_ = transposed(solution).values;
  for (std::size_t k = 0; k < classes_; ++k) {
    intercepts_.push_back(target_means[k] - dot(means.data(), solution.row(k), features));
  }
}

std::vector<double> RidgeClassifier::scores(std::span<const float> row) const {
  CURIE_CHECK(row.size() * classes_ == weights_.size(), data, "ridge: expected {} features, got {}",
              weights_.size() / classes_, row.size());
  std::vector<double> scores = intercepts_;
  for (std::size_t i = 0; i < row.size(); ++i) {
    for (std::size_t k = 0; k < classes_; ++k) scores[k] += static_cast<double>(row[i]) * weights_[i * classes_ + k];
  }
  return scores;
}

std::int32_t RidgeClassifier::predict(std::span<const float> row) const {
  const std::vector<double> own = scores(row);
  return static_cast<std::int32_t>(std::max_element(own.begin(), own.end()) - own.begin());
}

}  // namespace curie
