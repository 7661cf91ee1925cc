// Engines that users started: they have no model and no processes of ours, only workers.

extension Scheduler {
    /// Takes its place in the line.
    mutating func externalAsked(_ request: ExternalRequest, _ runtime: RuntimeName) {
        guard !isShuttingDown else { return refuse(request, "the controller is shutting down") }
        let own = engines.values.first {
            $0.external?.message.executor == request.message.executor && $0.phase != .stopping
        }
        if let own { return refuse(request, "its executor has \(own.id) already, or waits for it") }
        let (id, generation) = nextEngine()
        var engine = EngineRecord(id: id, generation: generation, model: "", queuedAt: now)
        engine.external = request
        engine.externalRuntime = runtime
        engine.worldSize = request.worldSize
        engine.phase = .placing
        engine.inspectedAt = now
        engines[id] = engine
    }

    func externalOptions(for request: ExternalRequest, on devices: [DeviceSpecification]) -> [Option] {
        devices.filter { $0.kind == request.deviceKind }.map { device in
            let bytes = share(of: request, on: device)
            return Option(
                device: device, footprint: bytes, kvCacheBytes: 0, template: nil, isLoaded: false,
                heldBytes: 0, ownBytes: 0, pinnedBytes: pinnedBytes(device.id, for: ""), fullFootprint: bytes)
        }
    }

    private func share(of request: ExternalRequest, on device: DeviceSpecification) -> Int {
        let parts = parts(of: request.worldSize, on: device)
        return (request.footprint + parts - 1) / parts
    }

    mutating func leaseExternally(_ engine: EngineRecord, _ choice: Choice) -> Bool {
        guard let request = engine.external,
            leaseWorkers(
                engine, engine.generation, at: choice.place, for: .user(pid: request.pid, asked: request.message))
        else { return false }
        engines[engine.id]?.phase = .ready
        engines[engine.id]?.readyAt = now
        engines[engine.id]?.startedAt = now
        engines[engine.id]?.place = choice.place
        engines[engine.id]?.footprint = choice.footprint
        engines[engine.id]?.stages = [StageTime(stage: "lease", milliseconds: (now - engine.queuedAt).milliseconds)]
        return true
    }

    /// It waits no longer; nothing of any device is its.
    mutating func refuseExternal(_ engine: EngineRecord, _ reason: String) {
        note(endOf: engine.id, reason)
        engines[engine.id] = nil
        if let request = engine.external { refuse(request, reason) }
    }

    private mutating func refuse(_ request: ExternalRequest, _ reason: String) {
        actions.append(.lease(.answer(request.message, .refused(reason: reason))))
    }

    /// What cannot be placed is told what there is.
    func noPlace(for request: ExternalRequest) -> String {
        let sums = devices.filter { $0.kind == request.deviceKind }.map { device in
            let workers = runtimesInOrder.map { "\(pool.count(of: $0, on: device.id))" }.joined(separator: ", ")
            return
                "\(device.id) has \(mebibytes(device.memoryBytes)), of which \(mebibytes(freeBytes(device))) are free, "
                + "\(device.cores.count) cores, and \(workers)"
        }
        return wish(of: request) + " are asked for: "
            + (sums.isEmpty ? "there is no such device" : sums.joined(separator: "; "))
    }

    private func wish(of request: ExternalRequest) -> String {
        guard let device = devices.first(where: { $0.kind == request.deviceKind }), !device.isCPU, request.worldSize > 1
        else {
            return
                "\(request.worldSize) workers and \(mebibytes(request.footprint)) on a '\(request.deviceKind)' device"
        }
        return "\(request.worldSize) workers on as many '\(request.deviceKind)' devices, and "
            + "\(mebibytes(share(of: request, on: device))) on each,"
    }

    /// Its connection ended before it was given anything.
    mutating func forgetWaiting(_ executor: ExecutorID) {
        for engine in engines.values where engine.phase == .placing && engine.external?.message.executor == executor {
            engines[engine.id] = nil
        }
    }
}
