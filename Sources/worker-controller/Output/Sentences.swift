import Scheduling

// What commands say of one thing.

extension EngineStatus {
    var sentence: String {
        let tier = startTier.map { " from \($0.rawValue)" } ?? ""
        let start = startMilliseconds.map { ", started in \(Units.milliseconds($0))\(tier)" } ?? ""
        return "\(model): \(state) as \(id) on \(Units.name(devices.joined(separator: ", ")))\(start)"
    }
}

extension CreatedEngineReply {
    var sentence: String {
        ([engine.sentence] + warnings.map { "Note: \($0)." }).joined(separator: "\n")
    }
}

extension UnloadReport {
    var sentence: String {
        // Without an engine there can still be the weights of a model that was asleep.
        guard !engines.isEmpty || freedBytes > 0 else { return "\(model): was not loaded" }
        let ended = engines.isEmpty ? "gave up its weights" : "ended \(engines.joined(separator: ", "))"
        return "\(model): \(ended), \(Units.bytes(freedBytes)) back in \(Units.milliseconds(milliseconds))"
    }
}

extension ModelStatus {
    var sentence: String {
        let kept = template?.footprintBytes.map { ", \(Units.bytes($0)) kept" } ?? ""
        return "\(name): \(tier.rawValue)\(kept)"
    }
}
