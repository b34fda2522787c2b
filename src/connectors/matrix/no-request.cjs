// Stands in for the deprecated `request` package, which matrix-bot-sdk imports by default: see sdk.ts.
module.exports = undefined;
