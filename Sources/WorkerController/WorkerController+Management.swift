import Foundation
import Scheduling
import Supervision

extension WorkerController: ControllerManaging {
    public func load(_ model: String) async throws -> EngineStatus {
        try await loaded { .load($0, model: model) }
    }

    public func wake(_ model: String) async throws -> EngineStatus {
        try await loaded { .wake($0, model: model) }
    }

    /// Gives the command, and waits for the engine that comes of it.
    private func loaded(by event: (CommandID) -> SchedulerEvent) async throws -> EngineStatus {
        guard !isAborted else { throw Self.aborted }
        let command = CommandID(nextNumber())
        let engine = try await withCheckedThrowingContinuation { continuation in
            loads[command] = continuation
            feed(event(command))
        }
        let id = publicID(of: engine)
        guard let status = await status().engines.first(where: { $0.id == id }) else {
            throw ControllerError(.engineDied, "The engine \(engine) was ready, and is gone again already.")
        }
        return status
    }

    public func sleep(_ model: String) async throws -> ModelStatus {
        try await rested(model) { .sleep($0, model: model) }
    }

    public func park(_ model: String) async throws -> ModelStatus {
        try await rested(model) { .park($0, engine: model) }
    }

    /// Gives the command, and waits until it is carried out.
    private func rested(_ model: String, by event: (CommandID) -> SchedulerEvent) async throws -> ModelStatus {
        guard !isAborted else { throw Self.aborted }
        // Before it sleeps: an engine's id means nothing any more when it does.
        let name = scheduler.model(named: model)
        let command = CommandID(nextNumber())
        try await withCheckedThrowingContinuation { continuation in
            sleeps[command] = continuation
            feed(event(command))
        }
        guard let status = await status().models.first(where: { $0.name == name }) else {
            throw ControllerError(.unknownModel, "No model is called '\(model)'.")
        }
        return status
    }

    public func unload(_ model: String) async throws -> UnloadReport {
        let external = scheduler.engines[EngineID(model)].flatMap { $0.isExternal ? $0.id.description : nil }
        guard let name = scheduler.model(named: model) ?? external else {
            throw ControllerError(.unknownModel, "No model is called '\(model)'.")
        }
        let start = Moment.now
        let freed = await bytesToFree(by: name)
        guard !isAborted else { throw Self.aborted }
        let command = CommandID(nextNumber())
        let engines = await withCheckedContinuation { continuation in
            unloads[command] = continuation
            feed(.unload(command, model: model))
        }
        return UnloadReport(
            model: name, engines: engines.map(\.description), freedBytes: freed,
            milliseconds: (.now - start).milliseconds)
    }

    /// What an unload of the model gives back: its engines, and its template with all that shares the weights with it.
    private func bytesToFree(by name: String) async -> Int {
        let template = scheduler.models[name]?.template.flatMap { $0.isLoaded ? $0.process : nil }
        let engines = scheduler.models[name]?.engines.flatMap { scheduler.engines[$0]?.processes ?? [] } ?? []
        let meter = MemoryMeter(supervisor: supervisor)
        var freed = 0
        for process in engines + (template.map { [$0] + spares(of: $0) } ?? []) {
            guard let memory = await meter.memory(of: process) else { continue }
            // Of what they share, each has a part; what is shared with others stays.
            freed += template == nil ? memory.privateBytes : memory.proportionalBytes
        }
        return freed
    }

    public func log(of id: String, lines: Int) async throws -> [String] {
        let files = logProcesses(of: id).map { directory.log(of: $0) }
        guard !files.isEmpty else {
            throw ControllerError(
                .notFound, "Nothing with a log is called '\(id)'. Name a model, an engine, a runtime or a process.")
        }
        // Off this actor: files are read.
        return await Task.detached { files.flatMap { LogFile.tail(of: $0, lines: lines) } }.value.suffix(lines)
    }

    private func logProcesses(of id: String) -> [ProcessID] {
        if let zygote = scheduler.runtimes[RuntimeName(id)]?.zygote { return [zygote] }
        if scheduler.processes[ProcessID(id)] != nil { return [ProcessID(id)] }
        if let processes = processesOfEngine[EngineID(id)] { return processes }
        return scheduler.model(named: id).map { logProcesses(ofModel: $0) } ?? []
    }

    /// Of the engine that stands for it; without one, of the template that failed; otherwise of what it had last.
    private func logProcesses(ofModel name: String) -> [ProcessID] {
        let model = scheduler.models[name]
        let template = lastTemplate[name].map { [$0] }
        if model?.engine == nil, model?.templateError != nil, let template { return template }
        let engines = [model?.engine, lastEngine[name]].compactMap(\.self)
        return engines.compactMap { processesOfEngine[$0] }.first ?? template ?? []
    }

    // MARK: Status

    public func status() async -> ControllerStatus {
        let templateLogs = await failureLogs()
        let snapshots = await supervisor.snapshots()
        let runtimes = scheduler.runtimes.values.map { runtimeStatus($0, snapshots) }.sorted { $0.name < $1.name }
        return ControllerStatus(
            version: ControllerServer.version, epoch: scheduler.epoch, pid: Int(getpid()),
            isHealthy: !scheduler.isShuttingDown && runtimes.allSatisfy { $0.state == "ready" },
            models: scheduler.models.values.map {
                modelStatus($0, snapshots, templateLog: templateLogs[$0.specification.name] ?? [])
            }.sorted { $0.name < $1.name },
            engines: scheduler.engines.values.sorted { $0.generation < $1.generation }.map {
                engineStatus($0, snapshots)
            } + unloadedEngines(),
            workers: scheduler.processes.values.filter { $0.role != .zygote }
                .sorted { ($0.startedAt, $0.id.description) < ($1.startedAt, $1.id.description) }
                .map { workerStatus($0, snapshots) },
            runtimes: runtimes,
            devices: scheduler.devices.map {
                DeviceStatus(
                    id: $0.id.description, memoryBytes: $0.memoryBytes, usedBytes: scheduler.usedBytes($0.id),
                    cores: $0.cores)
            })
    }

    /// Processes that serve own more and more as their KV caches fill; all others tell it when it changes.
    public func measuredStatus() async -> ControllerStatus {
        let serving = scheduler.engines.values.filter { $0.phase == .ready }.flatMap { $0.processes + $0.workers }
        await supervisor.refreshMemory(of: serving)
        return await status()
    }

    private func modelStatus(
        _ model: ModelRecord, _ processes: [ProcessID: ProcessSnapshot], templateLog: [String]
    ) -> ModelStatus {
        let specification = model.specification
        // On other devices a template takes none of their memory.
        let template = isCPU(model.template?.device) ? model.template?.footprint : nil
        let present = (model.engines.map { scheduler.engines[$0]?.footprint } + [template]).compactMap(\.self)
        return ModelStatus(
            name: specification.name, aliases: specification.aliases, tier: scheduler.tier(of: specification.name),
            runtime: specification.runtime.description, path: catalog.path(of: specification.name),
            engines: model.engines.map(publicID),
            footprintBytes: present.isEmpty ? model.measuredFootprint : present.reduce(0, +),
            waiting: model.waitingCount, lastError: model.lastError?.message,
            template: templateStatus(model, processes, log: templateLog))
    }

    private func engineStatus(_ engine: EngineRecord, _ processes: [ProcessID: ProcessSnapshot]) -> EngineStatus {
        EngineStatus(
            id: publicID(of: engine.id), model: engine.external?.model ?? catalog.shownName(of: engine.model),
            state: engine.phase.rawValue, devices: engine.place?.devices.map(\.description) ?? [],
            pid: engine.core.flatMap { processes[$0]?.pid } ?? engine.external.map { Int($0.pid) },
            frontEndPid: engine.frontEnd.flatMap { processes[$0]?.pid },
            socket: engine.frontEnd == nil ? nil : directory.frontEndSocket(of: engine.id),
            inFlight: permits[engine.id]?.inFlight ?? 0, footprintBytes: engine.footprint, stages: engine.stages,
            startMilliseconds: engine.readyAt.map { ($0 - engine.queuedAt).milliseconds }, startTier: engine.startTier,
            workers: engine.workers.map(\.description), isExternal: engine.isExternal)
    }

    private func workerStatus(_ process: ProcessRecord, _ processes: [ProcessID: ProcessSnapshot]) -> WorkerStatus {
        if let worker = scheduler.pool.workers[process.id] {
            return workerStatus(process, worker, processes[process.id])
        }
        let (state, engine): (String, EngineID?) =
            switch process.state {
            case .starting: ("starting", nil)
            case .idle: ("idle", nil)
            case .leased(let engine): ("leased", engine)
            case .ending(let engine): ("resetting", engine)
            }
        let snapshot = processes[process.id]
        return WorkerStatus(
            id: process.id.description, role: process.role, runtime: process.runtime.description,
            device: process.device?.description ?? "", pid: snapshot?.pid, state: state,
            engine: engine.map { publicID(of: $0) },
            model: process.model, privateBytes: snapshot?.privateBytes, ageSeconds: snapshot?.ageSeconds ?? 0)
    }

    private func workerStatus(
        _ process: ProcessRecord, _ worker: WorkerRecord, _ snapshot: ProcessSnapshot?
    ) -> WorkerStatus {
        WorkerStatus(
            id: process.id.description, role: process.role, runtime: process.runtime.description,
            device: worker.device.description, pid: snapshot?.pid, state: worker.state.word,
            engine: worker.lease.map { publicID(of: $0.engine) }, privateBytes: snapshot?.privateBytes,
            ageSeconds: snapshot?.ageSeconds ?? 0, slot: worker.slot, timesUsed: worker.leaseCount)
    }

    private func runtimeStatus(_ runtime: RuntimeRecord, _ processes: [ProcessID: ProcessSnapshot]) -> RuntimeStatus {
        let snapshot = runtime.zygote.flatMap { processes[$0] }
        return RuntimeStatus(
            name: runtime.name.description,
            state: runtime.isReady ? "ready" : runtime.zygote == nil ? "down" : "starting", pid: snapshot?.pid,
            versions: snapshot?.versions ?? [:], startMilliseconds: snapshot?.startMilliseconds,
            lastError: runtime.lastError)
    }
}
