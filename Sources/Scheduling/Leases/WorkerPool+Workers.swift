// A worker's coming and going.

extension WorkerPool {
    mutating func forked(_ id: ProcessID, _ runtime: RuntimeName, _ device: DeviceID) {
        guard workers[id] == nil else { return }
        workers[id] = WorkerRecord(process: id, slot: freeSlot, device: device, runtime: runtime, since: now)
    }

    private var freeSlot: Int {
        let taken = workers.values.filter { !$0.isRetired }.map(\.slot).sorted()
        return taken.enumerated().first { $0.offset != $0.element }?.offset ?? taken.count
    }

    mutating func becameIdle(_ id: ProcessID, privateBytes: Int?, reset: ResetPolicy) {
        guard workers[id]?.state == .starting else { return }
        workers[id]?.baselineBytes = privateBytes
        workers[id]?.resetPolicy = reset
        enter(.idle, id)
    }

    mutating func gone(_ id: ProcessID, reason: String) {
        guard let worker = workers.removeValue(forKey: id) else { return }
        if case .leased(let lease, _) = worker.state {
            end(lease, .broken(reason: "\(worker.title(in: lease)) is gone: \(reason)"))
        }
        if let lease = worker.lease { finishIfReturned(lease) }
    }

    mutating func dismiss(_ id: ProcessID, reason: String) {
        guard let worker = workers[id], !worker.isRetired else { return }
        retire(id, .dismissed, reason: reason)
        if case .leased(let lease, _) = worker.state {
            end(lease, .broken(reason: "\(worker.title(in: lease)) was dismissed: \(reason)"))
        }
    }

    /// It is never used again. What it holds is free when its process is gone.
    mutating func retire(_ id: ProcessID, _ cause: Retirement.Cause, reason: String) {
        guard let worker = workers[id], !worker.isRetired else { return }
        let retirement = Retirement(cause: cause, reason: reason, lease: worker.lease)
        enter(.retired(retirement), id)
        actions.append(.retire(id, retirement))
    }

    /// - Parameter limit: how long it may be in this state; nil: as long as it likes.
    mutating func enter(_ state: WorkerRecord.State, _ id: ProcessID, for limit: Duration? = nil) {
        workers[id]?.state = state
        workers[id]?.since = now
        workers[id]?.deadline = limit.map { now + $0 }
    }
}
