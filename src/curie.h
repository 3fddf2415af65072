// Everything a program needs to build, train and use a model.
#pragma once

#include "data/dataset.h"
#include "data/folder.h"
#include "data/load.h"
#include "data/phantom.h"
#include "data/smote.h"
#include "data/split.h"
#include "data/undersample.h"
#include "io/model_file.h"
#include "layers/layers.h"
#include "loss/loss.h"
#include "metrics/classification_report.h"
#include "model/callbacks.h"
#include "model/model.h"
#include "optim/optimizer.h"
#include "recipes/recipe.h"
#include "report/report.h"
