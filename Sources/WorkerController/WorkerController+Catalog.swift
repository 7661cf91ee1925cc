import ControllerConfiguration
import Foundation
import Logging
import Scheduling

// Engines of models that no config names.

extension WorkerController {
    public func create(_ body: [UInt8], waits: Bool) async throws -> CreatedEngine {
        guard !isAborted else { throw Self.aborted }
        let (model, request, warnings) = try read(body)
        try await start(model, writtenAs: request.model, waits: waits)
        guard let engine = await status().engines.first(where: { $0.id == model.name }) else {
            throw ControllerError(.conflict, "The engine '\(model.name)' was deleted already.")
        }
        return CreatedEngine(engine: engine, warnings: warnings)
    }

    private func read(_ body: [UInt8]) throws -> (ModelConfiguration, ModelRequest, warnings: [String]) {
        do {
            let request = try ModelRequest(json: body)
            var model = try catalog.model(request.id ?? UUID().uuidString.lowercased(), from: request)
            let warning = giveSecondName(request.model, to: &model)
            return (model, request, request.warnings + (warning.map { [$0] } ?? []))
        } catch {
            throw ControllerError(error)
        }
    }

    /// Requests may also name the model as its maker wrote it, if they can and nobody else is called so.
    ///
    /// - Returns: a word about why they may not.
    private func giveSecondName(_ name: String, to model: inout ModelConfiguration) -> String? {
        guard name != model.name, Configuration.isName(name) else { return nil }
        guard scheduler.isFree(name) else {
            return
                "'\(name)' leads to '\(scheduler.model(named: name) ?? name)' already; requests reach this engine as "
                + "'\(model.name)'"
        }
        model.aliases = [name]
        return nil
    }

    private func start(_ model: ModelConfiguration, writtenAs text: String, waits: Bool) async throws {
        let specification = ModelCatalog.specification(of: model)
        // Asked before the event, because carrying it out needs the catalog's entry.
        if let error = scheduler.refusal(of: specification) { throw error }
        catalog.add(model, as: text)
        logger.info("engine made", metadata: ["model": "\(model.name)", "path": "\(model.path)"])
        let command = CommandID(nextNumber())
        guard waits else { return feed(.create(command, specification, isAwaited: false)) }
        do {
            _ = try await withCheckedThrowingContinuation { continuation in
                loads[command] = continuation
                feed(.create(command, specification, isAwaited: true))
            }
        } catch let error as ControllerError where error.isAboutArguments {
            // Only the runtime knows which arguments there are. Such a request is refused like any other mistaken one.
            try await remove(model.name)
            throw ControllerError(.unprocessable, error.message)
        }
    }

    public func delete(_ engine: String) async throws {
        guard !isAborted else { throw Self.aborted }
        if scheduler.models[engine]?.isCreated == true {
            try await remove(engine)
        } else if scheduler.engines[EngineID(engine)] != nil {
            _ = try await unload(engine)
        } else {
            throw ControllerError(.notFound, "There is no engine '\(engine)'; GET /engines lists those that there are.")
        }
    }

    private func remove(_ model: String) async throws {
        guard scheduler.models[model]?.isCreated == true else { return }
        let command = CommandID(nextNumber())
        try await withCheckedThrowingContinuation { continuation in
            removals[command] = continuation
            feed(.remove(command, model: model))
        }
    }

    func removed(_ model: String, for commands: [CommandID]) {
        if scheduler.models[model] == nil {
            catalog.remove(model)
            lastEngine[model] = nil
            lastTemplate[model] = nil
            logger.info("engine deleted", metadata: ["model": "\(model)"])
        }
        for command in commands { removals.removeValue(forKey: command)?.resume() }
    }

    // MARK: Status

    /// What the API calls an engine. One that was made through it keeps the id that it was given, while its processes come
    /// and go.
    func publicID(of id: EngineID) -> String {
        guard let model = scheduler.engines[id].flatMap({ scheduler.models[$0.model] }), model.isCreated,
            model.engine == id
        else { return id.description }
        return model.specification.name
    }

    /// Those that were made through the API and have no processes now.
    func unloadedEngines() -> [EngineStatus] {
        let models = scheduler.models.values.filter { $0.isCreated && !$0.isBeingRemoved && $0.engine == nil }
        return models.sorted { $0.specification.name < $1.specification.name }.map { model in
            let name = model.specification.name
            let isAsleep = scheduler.tier(of: name) == .asleep
            return EngineStatus(
                id: name, model: catalog.shownName(of: name),
                state: model.lastError != nil ? "failed" : isAsleep ? "asleep" : "stopped", devices: [], pid: nil,
                frontEndPid: nil, socket: nil, inFlight: 0, footprintBytes: nil, stages: [], startMilliseconds: nil,
                reason: model.lastError?.message)
        }
    }
}

extension ControllerError {
    fileprivate init(_ error: ModelRequestError) {
        switch error {
        case .unreadable(let message): self.init(.badRequest, message)
        case .mistaken(let message, let field): self.init(.unprocessable, message + ".", parameter: field)
        }
    }

    /// Both runtimes begin so with what is wrong with their arguments.
    fileprivate var isAboutArguments: Bool {
        code == .startFailed && (message.contains(": argument ") || message.contains(": unknown argument "))
    }
}
