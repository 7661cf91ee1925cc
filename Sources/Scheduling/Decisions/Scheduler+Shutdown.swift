// Draining all, then ending all.

extension Scheduler {
    mutating func shutDown() {
        guard !isShuttingDown else { return }
        isShuttingDown = true
        for name in models.keys.sorted() { refuseAll(of: name, .shuttingDown, log: nil) }
        for engine in enginesInOrder {
            switch engine.phase {
            case .queued, .placing, .starting: stop(engine.id)
            case .ready: drain(engine.id)
            case .draining, .stopping: break
            }
        }
    }

    /// Engines first, then what is idle, then the zygotes, which reap the others.
    mutating func finishShutdown() {
        guard isShuttingDown, engines.isEmpty, !hasFinished else { return }
        if processes.isEmpty {
            hasFinished = true
            actions.append(.finished)
            return
        }
        let workers = processesInOrder.filter { $0.role != .zygote }
        for process in workers.isEmpty ? processesInOrder : workers {
            if case .ending = process.state { continue }
            processes[process.id]?.state = .ending(nil)
            actions.append(.end(process.id))
        }
    }
}
