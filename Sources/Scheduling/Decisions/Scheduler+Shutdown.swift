// Draining all, then ending all.

extension Scheduler {
    mutating func shutDown() {
        guard !isShuttingDown else { return }
        isShuttingDown = true
        for name in models.keys.sorted() {
            refuseAll(of: name, .shuttingDown, log: nil)
            failSleep(of: name, .shuttingDown)
            if models[name]?.template?.phase == .inspecting { models[name]?.template = nil }
        }
        for engine in enginesInOrder {
            engines[engine.id]?.isToSuspend = false
            switch engine.phase {
            case .placing where engine.isExternal: refuseExternal(engine, "the controller is shutting down")
            case .ready where engine.isExternal: stop(engine.id)
            case .queued, .placing, .starting, .suspending, .asleep, .resuming: stop(engine.id)
            case .ready: drain(engine.id)
            case .draining, .stopping: break
            }
        }
    }

    /// Engines first, then what is idle, then the templates, then the zygotes, which reap the others.
    mutating func finishShutdown() {
        guard isShuttingDown, engines.isEmpty, !hasFinished else { return }
        if processes.isEmpty {
            hasFinished = true
            actions.append(.finished)
        } else if processes.values.contains(where: { $0.role == .frontEnd || $0.role == .core }) {
            endProcesses { $0.isSpare && ($0.role == .frontEnd || $0.role == .core) }
        } else if processes.values.contains(where: { $0.role == .template }) {
            for name in models.keys.sorted() { giveUpTemplate(of: name, because: "the controller is shutting down") }
        } else {
            endProcesses(where: \.isSpare)
        }
    }
}
