// Work tied to its arrays once and run at every step of a plan.
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace gpukeras::cpu {

// One kernel with the pointers it reads and writes. Whoever makes it keeps the memory alive.
class Task {
  public:
    virtual ~Task() = default;
    virtual void run() = 0;
};

// Tasks run one after the other, with nothing in between.
class Sequence final : public Task {
  public:
    explicit Sequence(std::vector<std::shared_ptr<Task>> tasks) : tasks_(std::move(tasks)) {}

    void run() override {
        for (const auto& task : tasks_) task->run();
    }

  private:
    std::vector<std::shared_ptr<Task>> tasks_;
};

}  // namespace gpukeras::cpu
