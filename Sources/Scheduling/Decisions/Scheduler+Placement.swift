// Which device an engine goes to, and from what it is started.

extension Scheduler {
    mutating func placeEngines() {
        guard !isShuttingDown else { return }
        // Memory that engines further up the line wait for is not for those behind them.
        var promised: [DeviceID: Int] = [:]
        var blocked: Set<DeviceID> = []
        for engine in enginesInOrder where engine.phase == .placing && !isReplica(engine) {
            let options = self.options(for: engine)
            engines[engine.id]?.awaitedTemplate = nil
            engines[engine.id]?.awaitedPlace = nil
            guard isPlace(for: engine, among: options.filter(\.isPossible)) else {
                refuseUnplaceable(engine, options)
                continue
            }
            if let error = fullNow(engine, options) {
                refuseStart(engine.id, error)
                continue
            }
            let open = options.filter { !blocked.contains($0.device.id) }
            let free = Dictionary(
                uniqueKeysWithValues: open.map {
                    ($0.device.id, freeBytes($0.device) - (promised[$0.device.id] ?? 0))
                })
            let fitting = open.filter { free[$0.device.id] ?? 0 >= $0.footprint }
            if let choice = choice(for: engine, among: fitting, free: { free[$0.device.id] ?? 0 }) {
                awaitPlace(choice, for: engine.id)
                guard !lease(engine.id, choice) else { continue }
                for option in choice.options { promised[option.device.id, default: 0] += option.footprint }
            } else if let choice = cheapest(for: engine, among: open.filter(\.isPossible)) {
                awaitPlace(choice, for: engine.id)
                makeRoom(choice, for: engine)
                blocked.formUnion(choice.place.devices)
            }
        }
    }

    mutating func awaitPlace(_ choice: Choice, for engine: EngineID) {
        engines[engine]?.awaitedTemplate = choice.first.template
        engines[engine]?.awaitedPlace = choice.place
    }

    /// Whether an engine waits for the device's memory, or for processes there.
    func isStartWaiting(on device: DeviceID?) -> Bool {
        engines.values.contains { engine in
            engine.phase == .placing && device.map { engine.awaitedPlace?.contains($0) == true } ?? false
        }
    }

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
        let devices = devices.filter {
            engine.worldSize <= mostRanks(on: $0) && (!engine.isParked || engine.place?.contains($0.id) == true)
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
        let held = engine.isParked ? min(engine.bytes(on: device.id), need.footprint) : 0
        return Option(
            device: device, footprint: isLoaded ? clone : need.footprint - held, kvCacheBytes: need.kvCacheBytes,
            template: template?.process, isLoaded: isLoaded, heldBytes: held,
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

    /// What the device gives; the KV cache is each rank's.
    func need(
        of model: ModelRecord, weightBytes: Int, on device: DeviceSpecification
    ) -> (footprint: Int, kvCacheBytes: Int) {
        let ranks = max(1, model.specification.leasedWorkers)
        let parts = parts(of: ranks, on: device)
        let share = { (bytes: Int) in (bytes + parts - 1) / parts }
        let cache =
            model.specification.kvCacheBytes
            ?? Footprint.defaultKVCacheBytes(
                deviceBytes: leastMemory(of: parts, with: device), weightBytes: share(weightBytes))
        // Each rank has a KV cache of its own.
        let estimate = Footprint.estimate(weightBytes: share(weightBytes), kvCacheBytes: cache * (ranks / parts))
        return (model.measuredFootprint.map(share) ?? estimate, cache)
    }

    /// Of the smallest of so many devices of this kind, if they are the largest: the ranks of a group have KV caches of one
    /// size, whichever devices they get.
    private func leastMemory(of count: Int, with device: DeviceSpecification) -> Int {
        guard count > 1 else { return device.memoryBytes }
        let group = devices.filter { $0.kind == device.kind }.map(\.memoryBytes).sorted(by: >).prefix(count)
        return group.last ?? device.memoryBytes
    }

    /// Gives the engine an idle front end and core, if there are some.
    @discardableResult
    mutating func lease(_ id: EngineID, _ choice: Choice) -> Bool {
        guard let engine = engines[id] else { return false }
        if engine.isExternal { return leaseExternally(engine, choice) }
        if engine.isParked { return leaseAgain(engine, choice) }
        let option = choice.first
        guard let runtime = models[engine.model]?.specification.runtime,
            let pair = option.template == nil
                ? idlePair(of: runtime, on: option.device.id)
                : idlePair(of: option.template, isLoaded: option.isLoaded)
        else { return false }
        if engine.worldSize > 0,
            !leaseWorkers(engine, engine.generation, at: choice.place, for: .core(pair.core))
        {
            return false
        }
        processes[pair.frontEnd]?.state = .leased(id)
        processes[pair.core]?.state = .leased(id)
        engines[id]?.phase = .starting
        engines[id]?.startedAt = now
        engines[id]?.place = choice.place
        engines[id]?.footprint = choice.footprint
        engines[id]?.kvCacheBytes = option.kvCacheBytes
        engines[id]?.frontEnd = pair.frontEnd
        engines[id]?.core = pair.core
        engines[id]?.template = option.template
        engines[id]?.startTier = option.template == nil ? .cold : option.isLoaded ? .asleep : .warm
        engines[id]?.awaitedTemplate = nil
        engines[id]?.awaitedPlace = nil
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
        _ engine: EngineRecord, _ generation: Generation, at place: Place, for owner: ExecutorOwner
    ) -> Bool {
        guard let runtime = runtime(of: engine) else { return false }
        let wish = LeaseWish(
            engine: engine.id, engineGeneration: engine.generation, generation: generation, runtime: runtime,
            place: place, owner: owner)
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
        let ranks = model.specification.leasedWorkers
        let hosts = devices.filter(\.isCPU).map { "\($0.id) has place for \(mostRanks(on: $0))" }
        let others = devices.filter { !$0.isCPU }
        let groups = Dictionary(grouping: others, by: \.kind).sorted { $0.key < $1.key }.map { _, group in
            "tensor_parallel_size \(ranks) needs \(ranks) devices that take one rank each; there are \(group.count): "
                + group.map(\.id.description).joined(separator: ", ")
        }
        return ControllerError(
            .outOfMemory,
            "'\(model.specification.name)' needs \(ranks) workers: \((hosts + groups).joined(separator: "; ")). Give it a "
                + "smaller tensor_parallel_size.")
    }

    /// In words: what this device would have to give, and with how many others.
    func needed(_ bytes: Int, _ option: Option, _ model: ModelRecord) -> String {
        let parts = parts(of: model.specification.leasedWorkers, on: option.device)
        return "\(mebibytes(bytes)) are needed" + (parts > 1 ? " on each of \(parts) devices" : "")
            + " (KV cache \(mebibytes(option.kvCacheBytes)))"
    }

    private func tooLarge(_ model: ModelRecord, _ options: [Option]) -> ControllerError {
        let sums = options.map { option in
            "\(option.device.id) has \(mebibytes(option.device.memoryBytes))"
                + (option.pinnedBytes > 0 ? ", of which pinned models hold \(mebibytes(option.pinnedBytes))" : "")
                + ", and \(needed(option.neededBytes, option, model))"
        }
        return ControllerError(
            .outOfMemory,
            "'\(model.specification.name)' does not fit: \(sums.joined(separator: "; ")). Give it a smaller "
                + "kv-cache-memory-bytes, or the device more memory.")
    }
}
