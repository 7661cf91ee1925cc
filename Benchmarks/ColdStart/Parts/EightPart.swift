import BenchmarkSupport

/// Eight models with templates, and a ninth whose template is withheld.
struct EightPart {
    struct Result: Codable {
        /// Of a controller without any template: all of its processes together.
        var withoutTemplatesBytes = 0
        /// From the controller's start until all templates and their idle processes are ready.
        var readyMs = 0.0
        /// Then.
        var readyBytes = 0
        var readyProcesses = 0
        /// How long each template's making took, without the fork.
        var templateMs: [Double] = []
        /// The first token of models whose templates are ready, all else being idle.
        var warmMs: [Double] = []
        /// The same while other models' templates are being made.
        var disturbedMs: [Double] = []
        /// The first token of the ninth.
        var withheldMs: [Double] = []
        /// That of a model whose template is ready, asked right after the ninth, so that both start at the same time.
        var besideWithheldMs: [Double] = []
        /// The same, asked right after another model whose template is ready.
        var besideWarmMs: [Double] = []
        /// Tokens per second of one model while nothing else computes.
        var aloneSpeeds: [Double] = []
        /// The same while another model answers too.
        var sharedSpeeds: [Double] = []

        /// A template's making and a start from it, by medians: what the ninth's first request may take.
        var allowedMs: Double? {
            guard let template = Statistics.median(templateMs), let warm = Statistics.median(warmMs) else { return nil }
            return template + warm
        }

        /// By medians: 2 is half of the processors for each.
        var sharing: Double? { Self.ratio(aloneSpeeds, sharedSpeeds) }

        /// By medians: above 1 is slower.
        var disturbance: Double? { Self.ratio(disturbedMs, warmMs) }

        /// The same of starts beside the ninth's.
        var disturbanceByNinth: Double? { Self.ratio(besideWithheldMs, warmMs) }

        private static func ratio(_ some: [Double], _ others: [Double]) -> Double? {
            guard let median = Statistics.median(some), let base = Statistics.median(others) else { return nil }
            return median / base
        }
    }

    static let count = 8
    static let withheld = "withheld"
    /// Noise and the processor time of a template that is made at low priority.
    static let highestDisturbance = 1.2
    /// Two that start at the same time share the processors; neither may wait for the other.
    static let highestDisturbanceByNinth = 2.0
    /// Two that answer at the same time share the processors, and lose little to each other besides.
    static let highestSharing = 2.5
    private static let sharedTokens = 64
    /// Nobody computes any more, and an engine that has just started has made its cache's memory ready.
    private static let restBeforeAnswers = Duration.seconds(1)
    private static let withheldCycles = 5
    /// Controllers that are started only to be asked while they make their templates: each is asked a few times.
    private static let disturbedRounds = 4

    /// Starts a controller of its own with these models; its argument is for the name of its log.
    let start: (String, [ControllerConfig.Model]) throws -> RunningController
    let folder: ModelFolder
    let plan: Plan

    /// With lengths of their own, so that their templates differ.
    private var templated: [ControllerConfig.Model] {
        (1...Self.count).map {
            .init(
                name: "m\($0)", path: folder.path,
                arguments: FairSettings.arguments(contextLength: FairSettings.contextLength - 128 * ($0 - 1)),
                rest: .warm)
        }
    }
    private var ninth: ControllerConfig.Model { .init(name: Self.withheld, path: folder.path, rest: .cold) }

    func run(_ generator: inout SeededGenerator) throws -> Result {
        var result = Result()
        let alone = try start("ninth-alone", [ninth])
        try alone.waitUntilReady(for: .seconds(300))
        try alone.settle()
        result.withoutTemplatesBytes = try ProcessTable.proportionalBytes(of: alone.processes)
        try alone.end()
        try measureUndisturbed(&result, &generator)
        for round in 1...min(Self.disturbedRounds, plan.cycles) { try measureDisturbed(&result, round: round) }
        return result
    }

    private func measureUndisturbed(_ result: inout Result, _ generator: inout SeededGenerator) throws {
        let controller = try start("eight", templated + [ninth])
        try controller.waitUntilReady(for: .seconds(600), every: .milliseconds(100))
        result.readyMs = Instant.now.milliseconds(since: controller.start)
        Commentary.say("eight templates ready after \(Commentary.milliseconds(result.readyMs))")
        try controller.settle()
        let processes = controller.processes
        result.readyProcesses = processes.count
        result.readyBytes = try ProcessTable.proportionalBytes(of: processes)
        result.templateMs = try controller.management.models().compactMap(\.template).map { template in
            template.stages.reduce(0) { $0 + $1.milliseconds }
        }
        for _ in 0..<plan.cycles {
            guard let model = templated.randomElement(using: &generator) else { break }
            try makeReady(controller)
            result.warmMs.append(try firstToken(of: model.name, .warm, at: controller))
        }
        for _ in 0..<min(Self.withheldCycles, plan.cycles) {
            try makeReady(controller)
            result.withheldMs.append(try firstToken(of: Self.withheld, .cold, at: controller))
        }
        for (index, model) in templated.prefix(min(Self.withheldCycles, plan.cycles)).enumerated() {
            let next = templated[(index + 1) % templated.count]
            result.besideWithheldMs.append(
                try firstToken(of: model.name, rightAfter: Self.withheld, .cold, at: controller))
            result.besideWarmMs.append(try firstToken(of: model.name, rightAfter: next.name, .warm, at: controller))
        }
        try measureSharing(controller, &result, &generator)
        try controller.end()
    }

    /// The first two models are loaded, and answer alone and at the same time.
    private func measureSharing(
        _ controller: RunningController, _ result: inout Result, _ generator: inout SeededGenerator
    ) throws {
        let names = templated.prefix(2).map(\.name)
        try controller.settle()
        for name in names { _ = try controller.ask(name) }
        for _ in 0..<plan.cycles {
            try Interruption.sleep(Self.restBeforeAnswers)
            let requests = names.map {
                ChatRequest(
                    model: $0, prompt: Prompts.story(&generator), maxTokens: Self.sharedTokens, ignoresEnd: true)
            }
            let deadline = Instant.now + .seconds(300)
            let alone = try StreamingExchange.run(requests[0], to: controller.endpoint, by: deadline)
            // What the other one sends waits unread meanwhile; it has as many tokens, so it lasts as long.
            var other = try StreamingExchange(requests[1], to: controller.endpoint, by: deadline)
            let shared = try StreamingExchange.run(requests[0], to: controller.endpoint, by: deadline)
            try other.finish(by: deadline)
            guard let speed = alone.record.decodeSpeed, let sharedSpeed = shared.record.decodeSpeed else {
                throw BenchmarkError("An answer of \(Self.sharedTokens) tokens has no speed.")
            }
            result.aloneSpeeds.append(speed)
            result.sharedSpeeds.append(sharedSpeed)
        }
    }

    /// While the templates of another controller are made, those models whose own are ready are asked in turn.
    private func measureDisturbed(_ result: inout Result, round: Int) throws {
        let controller = try start("eight-disturbed-\(round)", templated + [ninth])
        var asked: [String] = []
        let deadline = Instant.now + .seconds(600)
        while true {
            try folder.makeReady()
            guard let model = try nextToAsk(at: controller, asked, by: deadline) else { break }
            result.disturbedMs.append(try firstToken(of: model, .warm, at: controller))
            asked.removeAll { $0 == model }
            asked.append(model)
            try controller.management.unload(model)
        }
        try controller.end()
    }

    /// Before a start with which nothing is to interfere.
    private func makeReady(_ controller: RunningController) throws {
        try controller.settle()
        try folder.makeReady()
    }

    /// Waits for a model that is ready to be started while a template is being made.
    ///
    /// - Parameter asked: the last one that was asked comes last.
    /// - Returns: the one that was asked longest ago; nil once all templates are made.
    private func nextToAsk(at controller: RunningController, _ asked: [String], by deadline: Instant) throws
        -> String?
    {
        var next: String?
        try controller.wait(
            for: Instant.now.duration(to: deadline), every: .milliseconds(10), what: "Templates in the making"
        ) {
            let models = try controller.management.models().filter { $0.name != Self.withheld }
            if models.allSatisfy({ $0.template?.state == "ready" }) { return true }
            guard models.contains(where: { ["starting", "preparing"].contains($0.template?.state) }) else {
                return false
            }
            let idle = try controller.idleProcesses()
            next = models.filter { model in
                model.tier == StartTier.warm.rawValue && idle.count { $0.model == model.name } >= 2
            }.map(\.name).min { (asked.firstIndex(of: $0) ?? -1) < (asked.firstIndex(of: $1) ?? -1) }
            return next != nil
        }
        return next
    }

    /// Of a model whose template is ready, while another one starts that was asked for just before.
    private func firstToken(
        of model: String, rightAfter other: String, _ tier: StartTier, at controller: RunningController
    ) throws -> Double {
        try makeReady(controller)
        var exchange = try StreamingExchange(
            ChatRequest(model: other, prompt: Prompts.standard, maxTokens: 1), to: controller.endpoint,
            by: .now + .seconds(10))
        let milliseconds = try firstToken(of: model, .warm, at: controller)
        try exchange.finish(by: .now + .seconds(300))
        try exchange.expect(tier)
        return milliseconds
    }

    private func firstToken(of model: String, _ tier: StartTier, at controller: RunningController) throws -> Double {
        let exchange = try controller.ask(model)
        try exchange.expect(tier)
        let milliseconds = try exchange.firstTokenMilliseconds
        Commentary.say("\(model), \(tier): \(Commentary.milliseconds(milliseconds))")
        return milliseconds
    }
}
