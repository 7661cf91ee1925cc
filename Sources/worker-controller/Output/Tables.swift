import Scheduling

// The listings as people read them.

extension EngineListing {
    func table(timings: Bool) -> String {
        guard !engines.isEmpty else { return "no engines: the first request to a model starts one" }
        var columns: [TextTable.Column] = [
            .text("ID"), .text("MODEL"), .text("STATE"), .text("DEVICE"), .number("PID"), .number("IN FLIGHT"),
            .number("MEMORY"), .number("START"),
        ]
        if timings { columns.append(.text("STAGES (MS)")) }
        var table = TextTable(columns)
        for engine in engines {
            var cells = [
                engine.id, engine.model, engine.state, Units.name(engine.device), Units.number(engine.pid),
                String(engine.inFlight), Units.bytes(engine.footprintBytes),
                Units.milliseconds(engine.startMilliseconds),
            ]
            if timings {
                let stages = engine.stages.map { "\($0.stage) \(Units.decimal($0.milliseconds))" }
                cells.append(Units.name(stages.joined(separator: ", ")))
            }
            table.add(cells)
        }
        return table.text
    }
}

extension ModelListing {
    var table: String {
        guard !models.isEmpty else { return "no models: the config names none" }
        var table = TextTable([
            .text("NAME"), .text("ALIASES"), .text("TIER"), .text("ENGINES"), .number("WAITING"), .number("FOOTPRINT"),
            .text("LAST ERROR"),
        ])
        for model in models {
            table.add([
                model.name, Units.name(model.aliases.joined(separator: ", ")), model.tier.rawValue,
                Units.name(model.engines.joined(separator: ", ")), String(model.waiting),
                Units.bytes(model.footprintBytes), Units.name(model.lastError),
            ])
        }
        return table.text
    }
}

extension WorkerListing {
    var table: String {
        guard !workers.isEmpty else { return "no workers: the runtimes are still starting, or down" }
        var table = TextTable([
            .number("RANK"), .text("ID"), .text("STATE"), .text("ENGINE"), .text("RUNTIME"), .text("DEVICE"),
            .number("PID"), .number("FRONT END"), .number("MEMORY"), .number("AGE"),
        ])
        for worker in workers {
            let status = worker.status
            table.add([
                String(worker.rank), status.id, status.state, Units.name(status.engine), status.runtime, status.device,
                Units.number(status.pid), Units.number(worker.frontEndPid), Units.bytes(status.privateBytes),
                Units.age(seconds: status.ageSeconds),
            ])
        }
        return table.text
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
