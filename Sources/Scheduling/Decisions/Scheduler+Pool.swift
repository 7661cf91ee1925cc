// Zygotes and the processes kept warm.

extension Scheduler {
    mutating func startZygotes() {
        guard !isShuttingDown else { return }
        for name in runtimesInOrder {
            guard let runtime = runtimes[name], runtime.zygote == nil, runtime.backoff.remaining(at: now) == nil else {
                continue
            }
            let process = nextProcess(.zygote, name, device: nil)
            runtimes[name]?.zygote = process
            actions.append(.startZygote(process, name))
        }
    }

    mutating func zygoteReady(_ id: ProcessID) {
        guard let process = processes[id], process.state == .starting, process.role == .zygote else { return }
        processes[id]?.state = .idle
        processes[id]?.idleAt = now
        runtimes[process.runtime]?.isReady = true
        runtimes[process.runtime]?.lastError = nil
        runtimes[process.runtime]?.backoff.succeeded()
    }

    mutating func processIdle(_ id: ProcessID) {
        guard let process = processes[id], process.state == .starting, process.role != .zygote else { return }
        processes[id]?.state = .idle
        processes[id]?.idleAt = now
        runtimes[process.runtime]?.poolBackoff.succeeded()
    }

    /// Forks what is missing of the idle pairs, at once when an engine has taken some. Where none is kept warm, one is
    /// made when an engine waits for it.
    mutating func fillPools() {
        guard !isShuttingDown else { return }
        for name in runtimesInOrder {
            guard let runtime = runtimes[name], runtime.isReady, runtime.poolBackoff.remaining(at: now) == nil else {
                continue
            }
            let isAwaited = engines.values.contains {
                $0.phase == .placing && models[$0.model]?.specification.runtime == name
            }
            let wanted = max(limits.idleWorkers, isAwaited ? 1 : 0)
            for device in devices {
                for role in [ProcessRole.core, .frontEnd] {
                    let present = processes.values.count {
                        $0.runtime == name && $0.device == device.id && $0.role == role
                            && ($0.state == .starting || $0.state == .idle)
                    }
                    for _ in 0..<max(wanted - present, 0) {
                        let process = nextProcess(role, name, device: device.id)
                        actions.append(.fork(process, role, name, device.id))
                    }
                }
            }
        }
    }

    mutating func processGone(_ id: ProcessID, reason: String) {
        guard let process = processes.removeValue(forKey: id) else { return }
        if process.role == .zygote { return zygoteGone(process, reason: reason) }
        switch process.state {
        case .starting:
            runtimes[process.runtime]?.poolBackoff.failed(at: now)
            runtimes[process.runtime]?.lastError = reason
            let failures = runtimes[process.runtime]?.poolBackoff.failures ?? 0
            if failures >= 3 { refuseStarts(on: process.runtime, reason: reason, log: .process(id)) }
        case .idle:
            // Without a pause, ones that always die so would be forked without end.
            if diedQuickly(process) { runtimes[process.runtime]?.poolBackoff.failed(at: now) }
        case .leased(let engine):
            forget(id, of: engine)
            engineDied(engine, reason: reason)
        case .ending(let engine):
            guard let engine else { break }
            forget(id, of: engine)
            if engines[engine]?.processes.isEmpty == true { finish(engine) }
        }
    }

    private mutating func forget(_ id: ProcessID, of engine: EngineID) {
        if engines[engine]?.frontEnd == id { engines[engine]?.frontEnd = nil }
        if engines[engine]?.core == id { engines[engine]?.core = nil }
    }

    private func diedQuickly(_ process: ProcessRecord) -> Bool { now - (process.idleAt ?? now) < Self.quickDeath }

    /// Its children live on. One that was ready for a while is started again at once, another after a pause.
    private mutating func zygoteGone(_ process: ProcessRecord, reason: String) {
        // One that was too slow has been replaced, and may take its time to end.
        guard runtimes[process.runtime]?.zygote == process.id else { return }
        let wasReady = process.state == .idle
        runtimes[process.runtime]?.zygote = nil
        runtimes[process.runtime]?.isReady = false
        runtimes[process.runtime]?.lastError = reason
        guard !isShuttingDown, diedQuickly(process) else { return }
        runtimes[process.runtime]?.backoff.failed(at: now)
        guard !wasReady else { return }
        refuseStarts(on: process.runtime, reason: reason, log: .process(process.id))
    }

    /// No process can be had from the runtime: nobody waits for one in vain.
    private mutating func refuseStarts(on runtime: RuntimeName, reason: String, log: LogSource) {
        for engine in enginesInOrder where engine.phase == .placing {
            guard models[engine.model]?.specification.runtime == runtime else { continue }
            refuseStart(
                engine.id,
                ControllerError(
                    .startFailed,
                    "'\(engine.model)' has no process to run in; its runtime '\(runtime)' failed: \(reason)",
                    retryAfter: runtimes[runtime].flatMap {
                        $0.backoff.remaining(at: now) ?? $0.poolBackoff.remaining(at: now)
                    }),
                log: log)
        }
    }
}
