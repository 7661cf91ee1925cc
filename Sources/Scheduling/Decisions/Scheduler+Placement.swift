// Which device an engine goes to, and from what it is started.

extension Scheduler {
    /// One way to start an engine.
    struct Option: Sendable {
        let device: DeviceSpecification
        let footprint: Int
        let kvCacheBytes: Int
        /// The template to start from; nil: generic processes.
        let template: ProcessID?
        let isLoaded: Bool
        /// What the model's own template holds there.
        let ownBytes: Int
        /// What neither waiting nor evicting can free.
        let pinnedBytes: Int
        /// The footprint without any template's help.
        let fullFootprint: Int

        private var capacity: Int { device.memoryBytes - pinnedBytes }
        /// Only without the model's own template is there ever room.
        var costsTemplate: Bool { capacity < footprint + ownBytes }
        var isPossible: Bool { !costsTemplate || capacity >= fullFootprint }
        /// The least that makes it possible.
        var neededBytes: Int { min(fullFootprint, footprint + (isLoaded ? ownBytes : 0)) }
    }

    mutating func placeEngines() {
        guard !isShuttingDown else { return }
        // Memory that engines further up the line wait for is not for those behind them.
        var promised: [DeviceID: Int] = [:]
        var blocked: Set<DeviceID> = []
        for engine in enginesInOrder where engine.phase == .placing && !isReplica(engine) {
            let options = self.options(for: engine)
            engines[engine.id]?.awaitedTemplate = nil
            engines[engine.id]?.awaitedDevice = nil
            guard options.contains(where: \.isPossible) else {
                refuseUnplaceable(engine, options)
                continue
            }
            if let error = fullNow(engine, options) {
                refuseStart(engine.id, error)
                continue
            }
            let open = options.filter { !blocked.contains($0.device.id) }
            if let option = open.first(where: {
                freeBytes($0.device) - (promised[$0.device.id] ?? 0) >= $0.footprint
            }) {
                engines[engine.id]?.awaitedTemplate = option.template
                engines[engine.id]?.awaitedDevice = option.device.id
                if !lease(engine.id, option) { promised[option.device.id, default: 0] += option.footprint }
            } else if let option = open.first(where: \.isPossible) {
                engines[engine.id]?.awaitedTemplate = option.template
                engines[engine.id]?.awaitedDevice = option.device.id
                makeRoom(option, for: engine)
                blocked.insert(option.device.id)
            }
        }
    }

    /// Whether an engine waits for the device's memory, or for processes there.
    func isStartWaiting(on device: DeviceID?) -> Bool {
        engines.values.contains { $0.phase == .placing && $0.awaitedDevice == device }
    }

    /// How many ranks of one engine can be there: on a CPU they split the cores, other devices take one each.
    func mostRanks(on device: DeviceSpecification) -> Int { device.isCPU ? max(device.cores.count, 1) : 1 }

    private mutating func refuseUnplaceable(_ engine: EngineRecord, _ options: [Option]) {
        if let request = engine.external {
            refuseExternal(engine, noPlace(for: request))
        } else if let model = models[engine.model] {
            let error = options.isEmpty ? tooManyRanks(model) : tooLarge(model, options)
            refuseStart(engine.id, sizeError(error, of: engine, options))
        }
    }

    /// One for each device that has place for so many ranks.
    private func options(for engine: EngineRecord) -> [Option] {
        if let request = engine.external {
            return externalOptions(for: request, on: devices.filter { engine.worldSize <= mostRanks(on: $0) })
        }
        guard let model = models[engine.model], let weightBytes = engine.weightBytes else { return [] }
        return options(for: engine, of: model, weightBytes: weightBytes)
    }

    /// The first is where the model's template is, if that is of use.
    func options(for engine: EngineRecord, of model: ModelRecord, weightBytes: Int) -> [Option] {
        // A parked engine stays where its core is.
        let devices = devices.filter {
            engine.worldSize <= mostRanks(on: $0) && (!engine.isParked || $0.id == engine.device)
        }
        let options = devices.map { option(for: engine, of: model, weightBytes: weightBytes, on: $0) }
        return options.filter { $0.template != nil } + options.filter { $0.template == nil }
    }

    private func option(
        for engine: EngineRecord, of model: ModelRecord, weightBytes: Int, on device: DeviceSpecification
    ) -> Option {
        let template = usableTemplate(for: engine, of: model, on: device.id)
        let need = need(of: model, weightBytes: weightBytes, on: device)
        let isLoaded = template.map(\.isLoaded) ?? false
        let clone = model.measuredCloneFootprint ?? Footprint.clone(kvCacheBytes: need.kvCacheBytes)
        // A parked engine has a part of it already.
        let missing = need.footprint - (engine.isParked ? min(engine.footprint ?? 0, need.footprint) : 0)
        return Option(
            device: device, footprint: isLoaded ? clone : missing, kvCacheBytes: need.kvCacheBytes,
            template: template?.process, isLoaded: isLoaded,
            ownBytes: model.template?.isEnding == false ? templateBytes(model, on: device.id) : 0,
            pinnedBytes: pinnedBytes(device.id, for: model.specification.name), fullFootprint: need.footprint)
    }

    /// The model's template, if the engine can be started from it: made from the same files, and ready to fork, or with
    /// processes to spare while it loads the weights. Nil also after a start from a template that failed.
    private func usableTemplate(
        for engine: EngineRecord, of model: ModelRecord, on device: DeviceID
    ) -> TemplateRecord? {
        guard let template = model.template, template.device == device, template.fingerprint == engine.fingerprint,
            !model.startsGenerically
        else { return nil }
        switch template.phase {
        case .ready: return template
        case .preparing: return idlePair(of: template.process, isLoaded: false) == nil ? nil : template
        case .inspecting, .forking, .ending: return nil
        }
    }

    func need(
        of model: ModelRecord, weightBytes: Int, on device: DeviceSpecification
    ) -> (footprint: Int, kvCacheBytes: Int) {
        let cache =
            model.specification.kvCacheBytes
            ?? Footprint.defaultKVCacheBytes(deviceBytes: device.memoryBytes, weightBytes: weightBytes)
        // Each rank has a KV cache of its own.
        let caches = cache * max(1, model.specification.leasedWorkers)
        let estimate = Footprint.estimate(weightBytes: weightBytes, kvCacheBytes: caches)
        return (model.measuredFootprint ?? estimate, cache)
    }

    /// Gives the engine an idle front end and core, if there are some.
    @discardableResult
    mutating func lease(_ id: EngineID, _ option: Option) -> Bool {
        guard let engine = engines[id] else { return false }
        if engine.isExternal { return leaseExternally(engine, option) }
        if engine.isParked { return leaseAgain(engine, option) }
        guard let runtime = models[engine.model]?.specification.runtime,
            let pair = option.template == nil
                ? idlePair(of: runtime, on: option.device.id)
                : idlePair(of: option.template, isLoaded: option.isLoaded)
        else { return false }
        if engine.worldSize > 0,
            !leaseWorkers(engine, engine.generation, on: option.device.id, for: .core(pair.core))
        {
            return false
        }
        processes[pair.frontEnd]?.state = .leased(id)
        processes[pair.core]?.state = .leased(id)
        engines[id]?.phase = .starting
        engines[id]?.startedAt = now
        engines[id]?.device = option.device.id
        engines[id]?.footprint = option.footprint
        engines[id]?.kvCacheBytes = option.kvCacheBytes
        engines[id]?.frontEnd = pair.frontEnd
        engines[id]?.core = pair.core
        engines[id]?.template = option.template
        engines[id]?.startTier = option.template == nil ? .cold : option.isLoaded ? .asleep : .warm
        engines[id]?.awaitedTemplate = nil
        engines[id]?.awaitedDevice = nil
        engines[id]?.stages = [StageTime(stage: "lease", milliseconds: (now - engine.queuedAt).milliseconds)]
        actions.append(
            .assign(
                EngineAssignment(
                    engine: id, generation: engine.generation, model: engine.model, device: option.device.id,
                    frontEnd: pair.frontEnd, core: pair.core, kvCacheBytes: option.kvCacheBytes,
                    workers: engines[id]?.workers ?? [])))
        return true
    }

    /// All that the engine needs, or none.
    mutating func leaseWorkers(
        _ engine: EngineRecord, _ generation: Generation, on device: DeviceID, for owner: ExecutorOwner
    ) -> Bool {
        guard let runtime = runtime(of: engine) else { return false }
        let wish = LeaseWish(
            engine: engine.id, engineGeneration: engine.generation, generation: generation, worldSize: engine.worldSize,
            runtime: runtime,
            device: device, owner: owner)
        guard pool.canLease(wish) else { return false }
        engines[engine.id]?.lease = wish.generation
        tell(.lease(wish))
        engines[engine.id]?.workers = pool.executors[engine.id]?.lease.workers ?? []
        return true
    }

    private typealias Pair = (frontEnd: ProcessID, core: ProcessID)

    private func idlePair(of runtime: RuntimeName, on device: DeviceID) -> Pair? {
        idlePair { $0.template == nil && $0.device == device && $0.runtime == runtime }
    }

    private func idlePair(of template: ProcessID?, isLoaded: Bool) -> Pair? {
        idlePair { $0.template == template && $0.isLoaded == isLoaded }
    }

    private func idlePair(where isWanted: (ProcessRecord) -> Bool) -> Pair? {
        let idle = processesInOrder.filter { $0.state == .idle && isWanted($0) }
        guard let frontEnd = idle.first(where: { $0.role == .frontEnd })?.id,
            let core = idle.first(where: { $0.role == .core })?.id
        else { return nil }
        return (frontEnd, core)
    }

    private func tooManyRanks(_ model: ModelRecord) -> ControllerError {
        let sums = devices.map { "\($0.id) has place for \(mostRanks(on: $0))" }
        return ControllerError(
            .outOfMemory,
            "'\(model.specification.name)' needs \(model.specification.leasedWorkers) workers, and "
                + "\(sums.joined(separator: ", ")). Give it a smaller tensor_parallel_size.")
    }

    private func tooLarge(_ model: ModelRecord, _ options: [Option]) -> ControllerError {
        let sums = options.map { option in
            "\(option.device.id) has \(mebibytes(option.device.memoryBytes))"
                + (option.pinnedBytes > 0 ? ", of which pinned models hold \(mebibytes(option.pinnedBytes))" : "")
                + ", and \(mebibytes(option.neededBytes)) are needed (KV cache \(mebibytes(option.kvCacheBytes)))"
        }
        return ControllerError(
            .outOfMemory,
            "'\(model.specification.name)' does not fit: \(sums.joined(separator: "; ")). Give it a smaller "
                + "kv-cache-memory-bytes, or the device more memory.")
    }
}
