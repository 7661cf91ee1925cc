import ArgumentParser

/// What every process needs to dial the controller.
struct DialOptions: ParsableArguments {
    @Option(help: "The controller's socket.")
    var control: String

    @Option(help: "The id that the controller gave to this process.")
    var process: String

    @Option(help: "The runtime's name in the config.")
    var runtime: String

    @Option(help: "The controller's epoch.")
    var epoch: Int

    @Option(name: .customLong("orphan-timeout-ms"), help: "How long to go on without a controller.")
    var orphanTimeoutMilliseconds: Int
}
