export type SecretRef = { readonly file: string } | { readonly env: string };
