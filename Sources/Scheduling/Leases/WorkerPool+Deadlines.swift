// Nobody waits for an answer without a limit.

extension WorkerPool {
    /// When `tick` is wanted at the latest; nil: only other events can change anything.
    public var nextDeadline: Moment? {
        let answers = workers.values.compactMap(\.deadline).min()
        let revocations = executors.values.compactMap(\.revokedBy).min()
        guard let answers, let revocations else { return answers ?? revocations }
        return min(answers, revocations)
    }

    mutating func expire() {
        guard let next = nextDeadline, next <= now else { return }
        // What happens to one can give another a new deadline, or end its waiting.
        for worker in workersInOrder where isDue(workers[worker.process]?.deadline) { expire(worker.process) }
        for executor in executorsInOrder where isDue(executors[executor.lease.engine]?.revokedBy) {
            end(executor.lease, .revoked)
        }
    }

    private func isDue(_ deadline: Moment?) -> Bool { deadline.map { $0 <= now } ?? false }

    private mutating func expire(_ id: ProcessID) {
        switch workers[id]?.state {
        case .leased(let lease, _):
            giveUp(
                id, of: lease, .unanswered,
                reason: "did not answer within \(limits.answerTimeout.seconds) s that it is leased to \(lease.engine)")
        case .resetting(let lease, .clearing):
            retire(
                id, .unanswered,
                reason: "did not let go of \(lease.engine) within \(limits.resetTimeout.seconds) s")
        case .resetting(let lease, .measuring):
            retire(
                id, .unanswered,
                reason: "did not answer a ping within \(limits.answerTimeout.seconds) s after its reset for "
                    + "\(lease.engine)")
        case .starting, .idle, .retired, nil: break
        }
    }
}

extension ProxyExecutor {
    fileprivate var revokedBy: Moment? { if case .revoking(let until) = phase { until } else { nil } }
}
