import Scheduling
import Testing

// Models that come and go.

extension Harness {
    mutating func create(_ model: ModelSpecification, isAwaited: Bool = true) -> CommandID {
        let command = newCommand()
        send(.create(command, model, isAwaited: isAwaited))
        return command
    }

    mutating func remove(_ model: String) -> CommandID {
        let command = newCommand()
        send(.remove(command, model: model))
        return command
    }

    /// From nothing to ready.
    mutating func make(_ model: ModelSpecification) throws -> EngineID {
        _ = create(model)
        let engine = try inspect(model.name)
        try becomeReady(model.name)
        fillPools()
        return engine
    }

    func isRemoved(_ command: CommandID) -> Bool {
        actions.contains { if case .removed(_, let commands) = $0 { commands.contains(command) } else { false } }
    }

    /// Models that are gone, each as often as that was said.
    var removed: [String] { actions.compactMap { if case .removed(let model, _) = $0 { model } else { nil } } }

    func isKnown(_ model: String) -> Bool { scheduler.models[model] != nil }
}
