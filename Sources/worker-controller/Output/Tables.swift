import Scheduling

// The listings as people read them.

extension EngineListing {
    private static let none = "no engines: the first request to a model starts one"

    var table: String {
        guard !engines.isEmpty else { return Self.none }
        // Only what was made at run time stays here when it has failed.
        let hasReasons = engines.contains { $0.reason != nil }
        var table = TextTable(
            [
                .text("ID"), .text("MODEL"), .text("STATE"), .text("DEVICE"), .number("PID"), .number("IN FLIGHT"),
                .number("MEMORY"), .number("START"),
            ] + (hasReasons ? [.text("REASON")] : []))
        for engine in engines {
            table.add(
                [
                    engine.id, engine.model, engine.state, Units.name(engine.devices.joined(separator: ", ")),
                    Units.number(engine.pid), String(engine.inFlight), Units.bytes(engine.footprintBytes),
                    Units.milliseconds(engine.startMilliseconds),
                ] + (hasReasons ? [Units.name(engine.reason)] : []))
        }
        return table.text
    }

    /// A line for each stage, in order of their ends; the engine itself stands on its first one. Stages of the engine's two
    /// processes overlap, so the total is less than their sum.
    var timingTable: String {
        guard !engines.isEmpty else { return Self.none }
        var table = TextTable([
            .text("ID"), .text("MODEL"), .text("STATE"), .text("START TIER"), .number("TOTAL MS"), .text("STAGE"),
            .number("MS"),
        ])
        for engine in engines {
            let start = [
                engine.id, engine.model, engine.state, Units.name(engine.startTier?.rawValue),
                engine.startMilliseconds.map(Units.decimal) ?? "-",
            ]
            let stages = engine.stages.map { [$0.stage, Units.decimal($0.milliseconds)] }
            table.add(start + (stages.first ?? ["-", "-"]))
            for stage in stages.dropFirst() { table.add(start.map { _ in "" } + stage) }
        }
        return table.text
    }
}

extension ModelListing {
    var table: String {
        guard !models.isEmpty else { return "no models: the config names none" }
        var table = TextTable([
            .text("NAME"), .text("ALIASES"), .text("TIER"), .text("TEMPLATE"), .text("ENGINES"), .number("WAITING"),
            .number("FOOTPRINT"), .text("LAST ERROR"),
        ])
        for model in models {
            table.add([
                model.name, Units.name(model.aliases.joined(separator: ", ")), model.tier.rawValue,
                Units.name(model.template?.summary), Units.name(model.engines.joined(separator: ", ")),
                String(model.waiting), Units.bytes(model.footprintBytes),
                Units.name(model.lastError ?? model.template?.lastError),
            ])
        }
        return table.text
    }
}

extension TemplateStatus {
    fileprivate var summary: String { hasWeights ? state + ", weights" : state }
}

extension WorkerListing {
    var table: String {
        guard !workers.isEmpty || !templates.isEmpty else {
            return "no workers: the runtimes are still starting, or down"
        }
        var table = TextTable([
            .number("RANK"), .text("ID"), .text("ROLE"), .text("STATE"), .text("MODEL"), .text("ENGINE"),
            .text("RUNTIME"), .text("DEVICE"), .number("PID"), .number("FRONT END"), .number("MEMORY"), .number("AGE"),
            .number("SLOT"), .number("USED"),
        ])
        for worker in workers {
            table.add(worker.status.cells(rank: worker.rank, frontEndPid: worker.frontEndPid))
        }
        for template in templates { table.add(template.cells(rank: nil, frontEndPid: nil)) }
        return table.text
    }
}

extension WorkerStatus {
    fileprivate func cells(rank: Int?, frontEndPid: Int?) -> [String] {
        [
            Units.number(rank), id, role.rawValue, state, Units.name(model), Units.name(engine), runtime, device,
            Units.number(pid), Units.number(frontEndPid), Units.bytes(privateBytes), Units.age(seconds: ageSeconds),
            Units.number(slot), Units.number(timesUsed),
        ]
    }
}

extension ChatAnswer {
    /// What `run --timings` says after the answer.
    var timingTable: String {
        var table = TextTable([.text("STAGE"), .number("MS")])
        for stage in stages { table.add([stage.stage, Units.decimal(stage.milliseconds)]) }
        let speed = tokensPerSecond.map { " at \(Units.decimal($0)) tokens/s" } ?? ""
        return """
            tier \(Units.name(tier)), first token after \(Units.milliseconds(timeToFirstToken?.milliseconds)), \
            \(tokens) tokens\(speed)
            \(table.text)
            """
    }
}
