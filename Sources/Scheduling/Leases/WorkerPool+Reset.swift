// From one engine to the next: nothing is idle that is not proven clean.

extension WorkerPool {
    mutating func takeBack(_ id: ProcessID, from lease: Lease) {
        guard let worker = workers[id], case .leased(lease, _) = worker.state else { return }
        switch worker.resetPolicy {
        case .inPlace where worker.baselineBytes == nil:
            retire(
                id, .memory,
                reason: "was used by \(lease.engine), and what it owned when it was new is not known, so that a reset "
                    + "could not be verified")
        case .inPlace:
            enter(.resetting(lease, .clearing), id, for: limits.resetTimeout)
            actions.append(.reset(id, lease.generation))
        case .replace:
            retire(id, .replaced, reason: "was used by \(lease.engine), and is replaced after each engine")
        }
    }

    mutating func resetDone(_ id: ProcessID, _ generation: Generation) {
        guard case .resetting(let lease, .clearing) = workers[id]?.state, lease.generation == generation else { return }
        enter(.resetting(lease, .measuring), id, for: limits.answerTimeout)
        actions.append(.measure(id, generation))
    }

    mutating func resetFailed(_ id: ProcessID, _ generation: Generation, reason: String) {
        guard case .resetting(let lease, .clearing) = workers[id]?.state, lease.generation == generation else { return }
        retire(id, .resetFailed, reason: "could not be reset after \(lease.engine): \(reason)")
    }

    mutating func measured(_ id: ProcessID, _ generation: Generation, privateBytes: Int?) {
        guard let worker = workers[id], case .resetting(let lease, .measuring) = worker.state,
            lease.generation == generation, let baseline = worker.baselineBytes,
            case .inPlace(let tolerance) = worker.resetPolicy
        else { return }
        guard let privateBytes else {
            return retire(id, .memory, reason: "cannot tell what it owns after its reset for \(lease.engine)")
        }
        let surplus = privateBytes - baseline
        guard surplus <= tolerance else {
            return retire(
                id, .memory,
                reason: "owns \(privateBytes) bytes after its reset for \(lease.engine): its baseline is \(baseline), "
                    + "\(tolerance) more are allowed, and so it has \(surplus - tolerance) too many")
        }
        workers[id]?.isProvenClean = true
        enter(.idle, id)
        finishIfReturned(lease)
    }
}
