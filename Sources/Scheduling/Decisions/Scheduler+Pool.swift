// Zygotes and the processes kept warm.

extension Scheduler {
    /// A source that has to fork more has so many under way at once: each takes processor time from those that start.
    static let forksAtOnce = 16

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
        if process.role == .template {
            if let model = process.model { templateIdle(model) }
        } else if process.template == nil {
            runtimes[process.runtime]?.poolBackoff.succeeded()
        }
    }

    /// Forks what is missing of the idle pairs, at once when an engine has taken some. Where none is kept warm, one is
    /// made when an engine waits for it.
    mutating func fillPools() {
        guard !isShuttingDown else { return }
        let placing = engines.values.filter { $0.phase == .placing }
        for name in runtimesInOrder {
            guard let runtime = runtimes[name], let zygote = runtime.zygote, runtime.isReady,
                runtime.poolBackoff.remaining(at: now) == nil
            else { continue }
            let isAwaited = placing.contains {
                $0.awaitedTemplate == nil && models[$0.model]?.specification.runtime == name
            }
            for device in devices {
                fillPool(of: name, template: nil, isAwaited: isAwaited) {
                    $0.device == device.id
                } fork: { scheduler, role in
                    scheduler.fork(role, name, device.id, source: zygote)
                }
                fillWorkers(of: name, on: device, zygote: zygote)
            }
        }
        for model in models.values.sorted(by: { $0.specification.name < $1.specification.name }) {
            let runtime = model.specification.runtime
            guard let template = model.template, template.phase == .ready, let process = template.process,
                let device = template.device, template.forkBackoff.remaining(at: now) == nil
            else { continue }
            let isAwaited = placing.contains { $0.awaitedTemplate == process }
            fillPool(of: runtime, template: process, isAwaited: isAwaited) {
                $0.isLoaded == template.isLoaded
            } fork: { scheduler, role in
                scheduler.fork(
                    role, runtime, device, source: process, of: model.specification.name, isLoaded: template.isLoaded)
            }
        }
    }

    /// - Parameters:
    ///   - template: the source; nil: the runtime's zygote.
    ///   - belongs: which of the source's spare processes are of this pool.
    private mutating func fillPool(
        of runtime: RuntimeName, template: ProcessID?, isAwaited: Bool, where belongs: (ProcessRecord) -> Bool,
        fork: (inout Scheduler, ProcessRole) -> Void
    ) {
        let wanted = max(limits.idleWorkers, isAwaited ? 1 : 0)
        let spares = processes.values.filter { $0.runtime == runtime && $0.template == template && $0.isSpare }
        let missing = [ProcessRole.core, .frontEnd].map { role in
            (role, wanted - spares.count { $0.role == role && belongs($0) })
        }
        var places = Self.forksAtOnce - spares.count { $0.state == .starting }
        // Pair by pair: one process alone is of no use.
        for number in 0..<wanted {
            for (role, count) in missing where number < count && places > 0 {
                fork(&self, role)
                places -= 1
            }
        }
    }

    /// - Parameter model: of the template that is the source; nil: it is a zygote.
    private mutating func fork(
        _ role: ProcessRole, _ runtime: RuntimeName, _ device: DeviceID, source: ProcessID, of model: String? = nil,
        isLoaded: Bool = false
    ) {
        let process = nextProcess(
            role, runtime, device: device, model: model, template: model == nil ? nil : source, isLoaded: isLoaded)
        actions.append(.fork(process, role, runtime, device, source: source))
    }

    mutating func processGone(_ id: ProcessID, reason: String) {
        guard let process = processes.removeValue(forKey: id) else { return }
        processLost(process, reason: reason)
    }

    /// It is gone, or taken for gone.
    mutating func processLost(_ process: ProcessRecord, reason: String) {
        switch process.state {
        case .leased(let engine):
            forget(process.id, of: engine)
            return engineDied(engine, reason: reason)
        case .ending(let engine?):
            forget(process.id, of: engine)
            if isGone(engine) { finish(engine) }
            return
        case .starting, .idle, .ending(nil): break
        }
        switch process.role {
        case .zygote: zygoteGone(process, reason: reason)
        case .template: templateGone(process, reason: reason)
        case .worker: workerGone(process, reason: reason)
        case .frontEnd, .core:
            if process.template == nil {
                poolProcessGone(process, reason: reason)
            } else {
                spareGone(process, reason: reason)
            }
        }
    }

    mutating func poolProcessGone(_ process: ProcessRecord, reason: String) {
        if process.state == .starting {
            runtimes[process.runtime]?.poolBackoff.failed(at: now)
            runtimes[process.runtime]?.lastError = reason
            let failures = runtimes[process.runtime]?.poolBackoff.failures ?? 0
            if failures >= 3 { refuseStarts(on: process.runtime, reason: reason, log: .process(process.id)) }
        } else if process.state == .idle, diedQuickly(process) {
            // Without a pause, ones that always die so would be forked without end.
            runtimes[process.runtime]?.poolBackoff.failed(at: now)
        }
    }

    private mutating func forget(_ id: ProcessID, of engine: EngineID) {
        if engines[engine]?.frontEnd == id { engines[engine]?.frontEnd = nil }
        if engines[engine]?.core == id { engines[engine]?.core = nil }
    }

    func diedQuickly(_ process: ProcessRecord) -> Bool { now - (process.idleAt ?? now) < Self.quickDeath }

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
        for engine in enginesInOrder where engine.phase == .placing && engine.awaitedTemplate == nil {
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
