// Ridge classification: the linear baseline that a network must beat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace curie {

// What sklearn.linear_model.RidgeClassifier(alpha) makes of rows of `features` values: least squares on targets of +1
// (the class) and -1, with a penalty of alpha on squared weights and none on the intercept. Solved through whichever of
// the two Gram matrices is smaller, by Cholesky's method in double. Results do not depend on the number of threads.
class RidgeClassifier {
 public:
  // Throws Error(data) for rows and labels that do not match or labels outside [0, classes), Error(usage) for alpha <=
  // 0, no features or fewer than two classes.
  RidgeClassifier(std::span<const float> rows, std::span<const std::int32_t> labels, std::size_t features, int classes,
                  double alpha = 1, int threads = 0);

  // scikit-learn's decision_function for each class, also where there are two.
  std::vector<double> scores(std::span<const float> row) const;
  std::int32_t predict(std::span<const float> row) const;  // the first of the largest

 private:
  std::size_t classes_;
  std::vector<double> weights_;  // (features, classes)
  std::vector<double> intercepts_;
};

}  // namespace curie
